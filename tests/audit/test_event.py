"""A record is shown as an AuditEvent that R4 accepts, always the same, and can be read back from it."""

from __future__ import annotations

import asyncio
import base64
import re
from pathlib import Path

import pytest

from countyfhir.access.check import SERVERS_OWN
from countyfhir.audit import event
from countyfhir.exchange import ALL, AuditRecord, Grant, changed
from countyfhir.model.definitions import definitions
from countyfhir.outcome import FhirError
from countyfhir.search.query import Clause, InCompartment, TokenIs
from countyfhir.store import sqlite

READ = AuditRecord(
    1_767_323_045_678_901,
    "vread",
    "R",
    "0",
    "ECG centre",
    "ecg",
    "Observation",
    "7",
    "3",
    ("1", "2"),
    None,
    "10.0.0.9",
    "r-1",
    "TREAT",
)
SEARCH = AuditRecord(
    0, "search-compartment", "E", "4", "x", None, "Observation", query="Patient/1/Observation?a=b", status=403
)
OTHERS = [
    SEARCH,
    AuditRecord(1, "create", "C", "0", "local", resource_type="Patient", logical_id="9", patients=("9",), status=201),
    AuditRecord(1, "create", "C", "4", "local", resource_type="Patient", status=400),
    AuditRecord(10**15 + 1, "search-system", "E", "0", "name with spaces", query="?_id=1", client="host.example"),
    AuditRecord(2, "operation", "E", "8", "x", query="$export", status=500, purpose="research of the county"),
    AuditRecord(2, "operation", "E", "0", "x", "o", "Patient", "1", query="Patient/1/$everything", client="::1"),
    AuditRecord(2, "transaction", "E", "0", "x"),
]


@pytest.mark.parametrize("record", [READ, *OTHERS])
def test_a_record_can_be_read_back(record: AuditRecord) -> None:
    """Nothing that was recorded is lost in the resource."""
    assert event.as_record(event.as_resource(5, record)) == record
    assert event.as_resource(5, record) == event.as_resource(5, record)


def test_what_the_resource_says() -> None:
    """The elements that auditors look for."""
    shown = event.as_resource(42, READ)
    assert (shown["id"], shown["meta"]["versionId"]) == ("countyfhir-42", "1")
    assert shown["type"]["code"] == "rest"
    assert shown["subtype"][0] == {"system": "http://hl7.org/fhir/restful-interaction", "code": "vread"}
    assert shown["recorded"] == shown["meta"]["lastUpdated"] == "2026-01-02T03:04:05.678901Z"
    assert (shown["action"], shown["outcome"]) == ("R", "0")
    caller, organization = shown["agent"]
    assert (caller["name"], caller["requestor"]) == ("ECG centre", True)
    assert caller["network"] == {"address": "10.0.0.9", "type": "2"}
    assert caller["purposeOfUse"][0]["coding"][0]["code"] == "TREAT"
    assert (organization["who"]["identifier"]["value"], organization["requestor"]) == ("ecg", False)
    references = [part["what"].get("reference") for part in shown["entity"]]
    assert references == ["Patient/1", "Patient/2", "Observation/7/_history/3", None]


def test_a_search_shows_its_query() -> None:
    """In base64, as R4 wants it."""
    (entity,) = event.as_resource(1, SEARCH)["entity"]
    assert base64.b64decode(entity["query"]).decode() == SEARCH.query
    assert entity["role"]["code"] == "24"


@pytest.mark.parametrize("record", [READ, *OTHERS])
def test_elements_and_required_codes_are_those_of_r4(record: AuditRecord) -> None:
    """Every element is defined, every mandatory one is there, required bindings and sev-1 hold."""
    shown = event.as_resource(1, record)
    defined = definitions()

    def checked(value: object, type_name: str, place: str) -> None:
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, dict):
                continue
            elements = defined.types[type_name].elements
            assert not [name for name, element in elements.items() if element.minimum and name not in part], place
            for name, inner in part.items():
                if name == "resourceType":
                    continue
                element = elements[name]
                assert element.is_array == isinstance(inner, list), f"{place}.{name}"
                if element.binding_strength == "required" and isinstance(inner, str):
                    codes = defined.value_set_codes(element.binding_value_set or "")
                    assert codes is None or inner in codes, f"{place}.{name}"
                checked(inner, element.type_name, f"{place}.{name}")

    checked(shown, "AuditEvent", "AuditEvent")
    assert not [part for part in shown.get("entity", ()) if "name" in part and "query" in part]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", shown["recorded"])


def test_ids_of_recorded_events() -> None:
    """One form only, the same that the access check protects."""
    assert event.sequence_of(event.id_of(17)) == 17
    assert SERVERS_OWN.fullmatch(event.id_of(17))
    for text in (
        "17",
        "countyfhir-",
        "countyfhir-017",
        "countyfhir-x",
        "countyfhir-1 ",
        "example",
        "countyfhir-" + "9" * 30,
    ):
        assert event.sequence_of(text) is None


def test_reading_one(tmp_path: Path) -> None:
    """By id; 404 for one that is not there or not visible, with the same words."""

    async def scenario() -> None:
        store = sqlite.open(tmp_path / "store.sqlite")
        await store.audit.append([READ])
        ((sequence, _),), _more = await store.audit.find({}, count=1, cursor=None)
        logical_id = event.id_of(sequence)
        assert (await event.read(logical_id, store.audit, ALL))["outcome"] == "0"
        assert (await event.read(logical_id, store.audit, narrowed_to("2")))["outcome"] == "0"
        for unseen, grant in ((logical_id, narrowed_to("3")), ("countyfhir-999", ALL), ("example", ALL)):
            with pytest.raises(FhirError, match=f"^AuditEvent/{unseen} is not known.$"):
                await event.read(unseen, store.audit, grant)
        await store.close()

    asyncio.run(scenario())


def narrowed_to(patient: str, *more: Clause) -> Grant:
    """A grant of AuditEvents in a patient's compartment."""
    inside: Clause = (InCompartment("Patient", patient, ("patient",)),)
    return Grant({"AuditEvent": frozenset("rs")}, {"AuditEvent": ((inside, *more),)})


def test_a_grant_that_cannot_be_applied_is_refused() -> None:
    """Rather than showing more than it says."""
    assert event.visible_of(narrowed_to("1")) == event.Visible(frozenset({"1"}))
    assert event.visible_of(ALL) is None
    with pytest.raises(FhirError) as caught:
        event.visible_of(narrowed_to("1", (TokenIs("action", None, "R"),)))
    assert caught.value.status == 403


def test_a_patient_does_not_see_other_patients() -> None:
    """One search may have shown several residents: each sees that it was, not who the others are."""
    record = changed(READ, query="Observation?patient=1,2")
    assert event.shown_to(None, record) is record
    seen = event.shown_to(event.Visible(frozenset({"2"})), record)
    assert (seen.patients, seen.query, seen.logical_id) == (("2",), None, "7")
    other = event.shown_to(event.Visible(frozenset({"2"})), changed(record, resource_type="Patient", logical_id="1"))
    assert "Patient/1" not in str(event.as_resource(1, other))


def test_a_record_without_version_or_organization() -> None:
    """What is not known is left out."""
    shown = event.as_resource(1, changed(READ, version_id=None, organization=None, client=None, purpose=None))
    assert len(shown["agent"]) == 1
    assert "network" not in shown["agent"][0]
    assert "purposeOfEvent" not in shown
