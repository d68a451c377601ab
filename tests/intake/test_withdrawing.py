"""Rows that are deleted or cancelled later in their source become versions that say so, in any order of arrival."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from countyfhir.intake.withdrawing import way_of
from countyfhir.model.definitions import definitions
from countyfhir.validation.structure import check

if TYPE_CHECKING:
    from .conftest import Bench

MAPPING = """title: 门诊
version: 1
source: {format: csv, file: "visits*.csv", encoding: utf-8, columns: [N, XM, ZF, T]}
record: {key: [N], version: T | date, deleted: ZF = '1'}
values: {name: XM | name}
resources:
  - type: Patient
    key: "{N}"
    content: {name: [{text: "{name}"}]}
  - type: Condition
    key: "{N}"
    content:
      clinicalStatus: {coding: [{system: "http://terminology.hl7.org/CodeSystem/condition-clinical", code: active}]}
      code: {text: 高血压}
      subject: {ref: Patient, key: "{N}"}
  - type: Encounter
    key: "{N}"
    content:
      status: finished
      class: {system: "http://terminology.hl7.org/CodeSystem/v3-ActCode", code: AMB}
      subject: {ref: Patient, key: "{N}"}
"""
WITHOUT_VERSION = MAPPING.replace("version: T | date, ", "")
LIVING, CANCELLED = "1,张三,0,2025-01-01\n", "1,张三,1,2025-02-01\n"


def outcomes(bench: Bench, rows: str) -> list[str]:
    bench.file("visits.csv", "N,XM,ZF,T\n" + rows)
    bench.take()
    return [one.outcome for one in sorted(bench.outcomes, key=lambda one: one.record)]


def test_a_cancelled_row_withdraws_what_it_became(bench: Bench) -> None:
    """Patient inactive, Condition and Encounter entered in error, a second version each; again: unchanged."""
    bench.mapping(MAPPING)
    assert outcomes(bench, LIVING) == ["stored"]
    assert outcomes(bench, CANCELLED) == ["stored"]
    (patient,), (condition,), (visit,) = (bench.read(name) for name in ("Patient", "Condition", "Encounter"))
    assert (patient["active"], visit["status"]) == (False, "entered-in-error")
    assert condition["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    assert "clinicalStatus" not in condition
    (provenance,) = bench.read("Provenance")
    assert provenance["activity"]["coding"][0]["code"] == "NULLIFY"
    assert len(provenance["target"]) == 3
    assert outcomes(bench, CANCELLED) == ["unchanged"]
    assert bench.read("Encounter")[0]["meta"]["versionId"] == "2"


def test_order_of_arrival_does_not_matter(bench: Bench) -> None:
    """The cancellation first: rejected, and the older living row that comes later changes nothing."""
    bench.mapping(MAPPING)
    assert outcomes(bench, CANCELLED + LIVING) == ["rejected", "unchanged"]
    assert bench.read("Patient") == []
    assert outcomes(bench, CANCELLED + LIVING) == ["rejected", "unchanged"]


def test_a_row_comes_back_with_a_later_version(bench: Bench) -> None:
    """Taken back in the source: the resources hold again."""
    bench.mapping(MAPPING)
    outcomes(bench, LIVING + CANCELLED)
    assert bench.read("Encounter")[0]["status"] == "entered-in-error"
    assert outcomes(bench, "1,张三,0,2025-03-01\n") == ["stored"]
    assert bench.read("Encounter")[0]["status"] == "finished"


def test_a_deleted_copy_of_a_living_row_is_only_a_copy(bench: Bench) -> None:
    """Without a version the file itself tells: a key with a living row is not withdrawn, before or behind it."""
    bench.mapping(WITHOUT_VERSION)
    assert outcomes(bench, LIVING) == ["stored"]
    assert outcomes(bench, CANCELLED + LIVING) == ["rejected", "unchanged"]
    assert outcomes(bench, LIVING + CANCELLED) == ["unchanged", "rejected"]
    assert bench.read("Encounter")[0]["status"] == "finished"
    assert outcomes(bench, CANCELLED) == ["stored"]
    assert bench.read("Encounter")[0]["status"] == "entered-in-error"


def table(rows: list[tuple[bytes, str]]) -> bytes:
    """A dBase III table of one column."""
    field = b"N".ljust(11, b"\0") + b"C" + bytes(4) + bytes([4, 0]) + bytes(14)
    head = b"\x03" + bytes(3) + struct.pack("<IHH", len(rows), 65, 5) + bytes(20) + field + b"\r"
    return head + b"".join(mark + text.ljust(4).encode() for mark, text in rows) + b"\x1a"


def test_a_deleted_row_of_a_table_withdraws_what_it_became(bench: Bench) -> None:
    """The mark of dBase: rejected at first sight (M35d), entered in error once it was known."""
    mapping = MAPPING.replace("format: csv", "format: dbf").replace("visits*.csv", "v.dbf").replace(", XM, ZF, T]", "]")
    bench.mapping(mapping.replace(", version: T | date, deleted: ZF = '1'", "").replace("XM | name", "N | name"))
    bench.file("v.dbf", table([(b" ", "1"), (b"*", "2")]))
    bench.take()
    assert {one.record: one.outcome for one in bench.outcomes} == {1: "stored", 2: "rejected"}
    assert [issue["code"] for one in bench.outcomes for issue in one.issues] == ["M35d"]
    bench.file("v.dbf", table([(b"*", "1"), (b"*", "2")]))
    bench.take()
    assert {one.record: one.outcome for one in bench.outcomes} == {1: "stored", 2: "rejected"}
    assert bench.read("Encounter")[0]["status"] == "entered-in-error"


@pytest.mark.parametrize(
    ("resource_type", "element", "value"),
    [
        ("Encounter", "status", "entered-in-error"),
        ("Observation", "status", "entered-in-error"),
        ("MedicationRequest", "status", "entered-in-error"),
        ("Goal", "lifecycleStatus", "cancelled"),
        ("Location", "status", "inactive"),
        ("Practitioner", "active", False),
        ("Consent", "status", "entered-in-error"),
    ],
)
def test_each_type_says_it_in_its_own_way(resource_type: str, element: str, value: object) -> None:
    """The element and code that R4 has for it."""
    withdraw = way_of(resource_type)
    assert withdraw is not None
    made = withdraw({"resourceType": resource_type, "id": "a"})
    assert made[element] in (value, "entered-in-error")
    assert [issue for issue in check(made) if issue.expression and element in str(issue.expression)] == []


def test_most_types_can_be_withdrawn() -> None:
    """Those that cannot have no state in R4; their deletion keeps the history."""
    without = {name for name in definitions().endpoint_types if way_of(name) is None}
    assert {"Binary", "Provenance"} <= without
    assert without.isdisjoint(
        {"Patient", "Task", "DiagnosticReport", "DocumentReference", "ServiceRequest", "Contract"}
    )
