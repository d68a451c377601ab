"""Recorded AuditEvents are found by what auditors ask for, newest first, page by page, and never beyond the grant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from pathlib import Path

import pytest

from countyfhir.audit import search as searching
from countyfhir.audit.parameters import DATES, PARAMETERS
from countyfhir.audit.search import Limits, is_cursor, search
from countyfhir.exchange import ALL, AuditRecord, Grant
from countyfhir.model.definitions import definitions
from countyfhir.outcome import FhirError
from countyfhir.search.query import InCompartment
from countyfhir.store import sqlite
from countyfhir.store.ports import Store

HOUR = 3_600_000_000
START = 1_767_225_600_000_000  # 2026-01-01T00:00Z
LIMITS = Limits(UTC)

RECORDS = [
    AuditRecord(START, "read", "R", "0", "ECG centre", "ecg", "Patient", "1", "1", ("1",), client="10.0.0.1"),
    AuditRecord(
        START + HOUR, "search-type", "E", "0", "Lab", "lab", "Observation", patients=("1", "2"), query="Observation"
    ),
    AuditRecord(START + 2 * HOUR, "read", "R", "4", "ECG centre", "ecg", "Observation", "9", patients=(), status=403),
    AuditRecord(START + 3 * HOUR, "update", "U", "0", "Lab", "lab", "Observation", "9", "2", ("2",), client="10.0.0.2"),
    AuditRecord(
        START + 4 * HOUR,
        "search-compartment",
        "E",
        "0",
        "Łab",
        "lab",
        "Observation",
        patients=("3",),
        query="Patient/3/*",
    ),
    AuditRecord(START + 5 * HOUR, "delete", "D", "8", "local", None, "Encounter", "5", status=500),
]


Found = Callable[..., list[int]]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for the module, so that the store is opened once."""
    with asyncio.Runner() as running:
        yield running


@pytest.fixture(scope="module")
def store(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A real store with RECORDS in it, and nothing else."""

    async def opened() -> Store:
        fresh = sqlite.open(tmp_path_factory.mktemp("audit") / "store.sqlite")
        await fresh.audit.append(RECORDS)
        return fresh

    filled = runner.run(opened())
    yield filled
    runner.run(filled.close())


async def every_page(store: Store, pairs: Sequence[tuple[str, str]], grant: Grant, limits: Limits) -> list[int]:
    """The positions of what a search finds on all pages together, in the order of the answer."""
    positions: list[int] = []
    cursor = None
    while True:
        page = await search((*pairs, *((("_cursor", cursor),) if cursor else ())), store.audit, limits, grant)
        positions += [int(event["id"].removeprefix("countyfhir-")) - 1 for event in page.events]
        cursor = page.cursor
        if cursor is None:
            return positions
        assert is_cursor(cursor)


@pytest.fixture
def found(runner: asyncio.Runner, store: Store) -> Found:
    """A search of RECORDS: the positions found."""

    def find(*pairs: tuple[str, str], grant: Grant = ALL, limits: Limits = LIMITS) -> list[int]:
        return runner.run(every_page(store, pairs, grant, limits))

    return find


@pytest.mark.parametrize(
    ("pairs", "positions"),
    [
        ((), [5, 4, 3, 2, 1, 0]),
        ((("patient", "1"),), [1, 0]),
        ((("patient", "Patient/2"),), [3, 1]),
        ((("patient:Patient", "2"),), [3, 1]),
        ((("patient", "http://a.example/fhir/Patient/3"),), [4]),
        ((("patient", "1,3"),), [4, 1, 0]),
        ((("patient", "1"), ("patient", "2")), [1]),
        ((("patient", "Group/1"),), []),
        ((("entity", "Observation/9"),), [3, 2]),
        ((("entity:Observation", "9"),), [3, 2]),
        ((("entity", "9"),), [3, 2]),
        ((("entity", "Patient/1"),), [1, 0]),
        ((("entity", "Observation/9,Encounter/5"),), [5, 3, 2]),
        ((("action", "R"),), [2, 0]),
        ((("action", "http://hl7.org/fhir/audit-event-action|U"),), [3]),
        ((("action", "http://other.example|U"),), []),
        ((("action", "U,D"),), [5, 3]),
        ((("action:not", "R"),), [5, 4, 3, 1]),
        ((("action:not", "R,E"),), [5, 3]),
        ((("outcome", "4"),), [2]),
        ((("outcome:not", "0"),), [5, 2]),
        ((("subtype", "read"),), [2, 0]),
        ((("subtype", "http://hl7.org/fhir/restful-interaction|search"),), [4]),
        ((("subtype", "search-compartment"),), []),
        ((("type", "rest"),), [5, 4, 3, 2, 1, 0]),
        ((("type", "http://terminology.hl7.org/CodeSystem/audit-event-type|"),), [5, 4, 3, 2, 1, 0]),
        ((("type", "110112"),), []),
        ((("agent-name", "lab"),), [3, 1]),
        ((("agent-name", "ECG"),), [2, 0]),
        ((("agent-name:exact", "Lab"),), [3, 1]),
        ((("agent-name:exact", "lab"),), []),
        ((("agent-name:contains", "centre"),), [2, 0]),
        ((("agent:identifier", "ecg"),), [2, 0]),
        ((("agent:identifier", "|Lab"),), [3, 1]),
        ((("agent:identifier", "urn:x|Lab"),), []),
        ((("address", "10.0.0."),), [3, 0]),
        ((("address:missing", "true"),), [5, 4, 2, 1]),
        ((("patient:missing", "true"),), [5, 2]),
        ((("patient:missing", "false"), ("action:missing", "false")), [4, 3, 1, 0]),
        ((("date:missing", "true"),), []),
        ((("entity-role", "http://terminology.hl7.org/CodeSystem/object-role|24"),), [4, 1]),
        ((("entity-type:not", "1"),), [5, 2]),
        ((("site", "1"),), []),
        ((("site:missing", "true"), ("policy:not", "x"), ("action", "D")), [5]),
        ((("agent", "Practitioner/1"),), []),
        ((("date", "2026-01-01"),), [5, 4, 3, 2, 1, 0]),
        ((("date", "2026-01-01T01:00Z"),), [1]),
        ((("date", "gt2026-01-01T02:00:00Z"),), [5, 4, 3]),
        ((("date", "ge2026-01-01T02:00:00Z"), ("date", "lt2026-01-01T04:00:00Z")), [3, 2]),
        ((("date", "le2026-01-01T00:00:00Z"),), [0]),
        ((("date", "sa2026-01-01T04:00:00Z"),), [5]),
        ((("date", "eb2026-01-01T01:00:00Z"),), [0]),
        ((("date", "ne2026-01-01T01:00:00Z"),), [5, 4, 3, 2, 0]),
        ((("date", "ap2026-01-03"),), []),
        ((("_lastUpdated", "ge2026-01-01T05:00:00Z"),), [5]),
        ((("date", "2026-01-01T00:00:00Z,2026-01-01T05:00:00Z"),), [5, 0]),
        ((("patient", "1"), ("action", "R"), ("outcome", "0")), [0]),
        ((("patient", "1,2"), ("action", "E,U")), [3, 1]),
        ((("_format", "json"), ("_sort", "-date"), ("_total", "none"), ("action", "")), [5, 4, 3, 2, 1, 0]),
    ],
)
@pytest.mark.parametrize("count", ["1", "2", "50"])
def test_parameters(found: Found, pairs: tuple[tuple[str, str], ...], positions: list[int], count: str) -> None:
    """Each parameter finds what R4 says, whatever the page size; no record appears twice or is left out between
    pages."""
    ranged = [position for position in positions if not any(value == "ap2026-01-03" for _, value in pairs)]
    assert found(*pairs, ("_count", count)) == ranged


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("patient:missing", "maybe"),
        ("_text", "x"),
        ("patient.name", "x"),
        ("patient:identifier", "x"),
        ("patient", "a b"),
        ("patient:Patient", "Group/1"),
        ("entity", "a b"),
        ("entity-role:text", "x"),
        ("action:text", "R"),
        ("agent-name:below", "true"),
        ("date:exact", "2026"),
        ("date", "yesterday"),
        ("date", "xx2026"),
        ("date", "2026-13-01"),
        ("_count", "0"),
        ("_count", "-1"),
        ("_count", "many"),
        ("_cursor", "countyfhir-1"),
        ("_cursor", "audit-0"),
        ("_sort", "date"),
        ("_total", "accurate"),
        ("_summary", "count"),
        ("_include", "AuditEvent:patient"),
        ("_has:Provenance:target:agent", "1"),
        ("action", "R," * 60),
    ],
)
def test_what_is_not_supported_is_said(found: Found, name: str, value: str) -> None:
    """400, naming the parameter; nothing is ignored."""
    with pytest.raises(FhirError) as caught:
        found((name, value))
    assert caught.value.status == 400
    assert name.partition(":")[0] in caught.value.issues[0].diagnostics


def test_every_r4_parameter_is_understood() -> None:
    """Those of AuditEvent itself; what recorded events cannot have finds none of them."""
    own = {
        code
        for code, parameter in definitions().search_parameters["AuditEvent"].items()
        if not code.startswith("_") and "AuditEvent" in parameter.resource_types
    }
    assert "patient" in own
    assert own <= {*PARAMETERS, *DATES}


def test_an_unknown_parameter_is_answered_with_those_there_are(found: Found) -> None:
    """So that the caller need not look them up."""
    with pytest.raises(FhirError, match="supported are patient, entity, agent"):
        found(("colour", "red"))


def test_by_id(found: Found) -> None:
    """_id finds the server's own ids; others are no recorded events."""
    assert found(("_id", "countyfhir-1,countyfhir-3,example,countyfhir-77")) == [2, 0]
    assert found(("_id", "countyfhir-1,countyfhir-3"), ("_id", "countyfhir-3"), ("outcome", "4")) == [2]


def test_a_patient_sees_only_the_own_events(found: Found) -> None:
    """A grant narrowed to a patient applies to searches with and without _id."""
    inside = (InCompartment("Patient", "2", ("patient",)),)
    grant = Grant({"AuditEvent": frozenset("rs")}, {"AuditEvent": ((inside,),)})
    assert found(grant=grant) == [3, 1]
    assert found(("patient", "1"), grant=grant) == [1]
    assert found(("_id", "countyfhir-1,countyfhir-2"), grant=grant) == [1]


def test_rare_matches_are_found_over_short_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no index finds is looked for a bounded number of records at a time: pages may be short, none is left out."""
    monkeypatch.setattr(searching, "SCANNED", 20)
    monkeypatch.setattr(searching, "BATCH", 10)

    async def scenario() -> list[int]:
        store = sqlite.open(tmp_path / "store.sqlite")
        await store.audit.append(
            [AuditRecord(START + n, "read", "R", "0", "rare" if n % 37 == 0 else "x") for n in range(200)]
        )
        positions = await every_page(store, (("agent-name", "ra"), ("_count", "2")), ALL, LIMITS)
        await store.close()
        return positions

    assert asyncio.run(scenario()) == [185, 148, 111, 74, 37, 0]


def test_the_server_limits_the_page(found: Found) -> None:
    """_count beyond the limit is taken as the limit."""
    assert found(("_count", "99999999999"), limits=Limits(UTC, max_count=2)) == [5, 4, 3, 2, 1, 0]
