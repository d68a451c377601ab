"""An interaction becomes a record that says who, what, whose data, and how it ended."""

from __future__ import annotations

import pytest

from countyfhir.audit.record import LONGEST_QUERY, record_of
from countyfhir.exchange import AuditRecord, Interaction, Principal

TESTER = Principal("ECG centre", "key", "ecg")


def test_a_read() -> None:
    """Everything the interaction knows is kept."""
    interaction = Interaction(
        "vread", "Observation", "7", "3", principal=TESTER, request_id="r-1", client="10.0.0.9", purpose="TREAT"
    )
    assert record_of(interaction, 5, 200, patients=("1",)) == AuditRecord(
        5,
        "vread",
        "R",
        "0",
        "ECG centre",
        "ecg",
        "Observation",
        "7",
        "3",
        ("1",),
        None,
        "10.0.0.9",
        "r-1",
        "TREAT",
        200,
    )


@pytest.mark.parametrize(
    ("kind", "status", "action"),
    [
        ("create", 201, "C"),
        ("read", 200, "R"),
        ("history-type", 200, "R"),
        ("update", 200, "U"),
        ("update", 201, "C"),
        ("patch", 200, "U"),
        ("delete", 204, "D"),
        ("search-type", 200, "E"),
        ("operation", 200, "E"),
        ("transaction", 200, "E"),
    ],
)
def test_actions(kind: str, status: int, action: str) -> None:
    """The action follows from the interaction; an update that created is a create."""
    assert record_of(Interaction(kind, "Patient", "1"), 0, status).action == action


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, "0"), (304, "0"), (403, "4"), (404, "4"), (500, "8"), (503, "8")]
)
def test_outcomes(status: int, outcome: str) -> None:
    """Refusals and mistakes are minor, our failures serious."""
    record = record_of(Interaction("read", "Patient", "1"), 0, status)
    assert (record.outcome, record.status) == (outcome, status)


@pytest.mark.parametrize(
    ("interaction", "patients"),
    [
        (Interaction("read", "Patient", "1"), ("9", "1")),
        (Interaction("read", "Encounter", "1"), ("9",)),
        (Interaction("search-compartment", "Observation", compartment=("Patient", "2")), ("9", "2")),
        (Interaction("search-compartment", "Observation", compartment=("Encounter", "2")), ("9",)),
        (Interaction("search-type", "Observation", query=(("patient", "3"), ("code", "4"))), ("9", "3")),
        (Interaction("search-type", "Observation", query=(("subject", "Patient/5,Group/6"),)), ("9", "5")),
        (
            Interaction("search-type", "Observation", query=(("subject", "http://a.example/fhir/Patient/8"),)),
            ("9", "8"),
        ),
        (Interaction("search-type", "Observation", query=(("subject", "7"), ("patient.name", "x"))), ("9",)),
    ],
)
def test_patients_concerned(interaction: Interaction, patients: tuple[str, ...]) -> None:
    """Those shown, the Patient itself, the compartment's, and those that were asked for, once each."""
    assert record_of(interaction, 0, 200, patients=("9", "9")).patients == patients


def test_what_a_create_gave_is_recorded() -> None:
    """The id of a create is known only afterwards; a new Patient is a patient concerned."""
    record = record_of(Interaction("create", "Patient"), 0, 201, "Patient", "new", ())
    assert (record.resource_type, record.logical_id, record.patients) == ("Patient", "new", ("new",))


@pytest.mark.parametrize(
    ("interaction", "query"),
    [
        (Interaction("read", "Patient", "1"), None),
        (
            Interaction("search-type", "Patient", query=(("name", "李 明"), ("_count", "5"))),
            "Patient?name=%E6%9D%8E+%E6%98%8E&_count=5",
        ),
        (Interaction("search-type", "Patient"), "Patient"),
        (Interaction("search-system", query=(("_id", "1"),)), "?_id=1"),
        (Interaction("search-compartment", "Observation", compartment=("Patient", "2")), "Patient/2/Observation"),
        (
            Interaction("search-compartment", compartment=("Patient", "2"), query=(("_type", "A"),)),
            "Patient/2/*?_type=A",
        ),
        (
            Interaction("operation", "Patient", "1", operation="$everything", query=(("_since", "2026"),)),
            "Patient/1/$everything?_since=2026",
        ),
        (Interaction("history-type", "Patient", query=(("_count", "1"),)), "Patient?_count=1"),
    ],
)
def test_queries(interaction: Interaction, query: str | None) -> None:
    """What was asked, as it would stand in a URL."""
    assert record_of(interaction, 0, 200).query == query


def test_a_huge_query_is_cut() -> None:
    """The record of a search stays small."""
    record = record_of(Interaction("search-type", "Patient", query=(("_id", "x" * 100_000),)), 0, 200)
    assert len(record.query or "") == LONGEST_QUERY
