"""The intake on a real store: idempotent, ordered by version, nothing lost, every record accounted for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from countyfhir.exchange import Interaction
from countyfhir.intake import Desk, Report, ahead, discover, replay
from countyfhir.intake.showing import shown
from countyfhir.mapping import apply, load
from countyfhir.outcome import FhirError

if TYPE_CHECKING:
    from .conftest import Bench

HEADER = "ID,XM,GM,DH,T\n"


def counts(report: object) -> dict[str, int]:
    total = report.total()  # type: ignore[attr-defined]
    assert total["read"] == sum(total[name] for name in ("stored", "unchanged", "quarantined", "rejected"))
    return {name: count for name, count in total.items() if count and name != "read"}


def test_the_same_file_again_stores_nothing(bench: Bench) -> None:
    """Second run: unchanged, and no resource has a second version."""
    bench.file("patients.csv", HEADER + "1,张三,青霉素过敏,13812345678,2025-01-01\n2,李四,,,2025-01-01\n")
    assert counts(bench.take()) == {"stored": 2}
    assert counts(bench.take()) == {"unchanged": 2}
    patients = bench.read("Patient")
    assert sorted(patient["name"][0]["text"] for patient in patients) == ["张三", "李四"]
    assert {patient["meta"]["versionId"] for patient in patients} == {"1"}
    assert len(bench.read("Provenance")) == 2


def test_a_duplicate_row_is_unchanged(bench: Bench) -> None:
    """M21: once in the store, once more in the account."""
    bench.file("patients.csv", HEADER + "1,张三,,,2025-01-01\n" * 3)
    assert counts(bench.take()) == {"stored": 1, "unchanged": 2}


def test_a_corrected_row_is_a_new_version_of_the_same_resource(bench: Bench) -> None:
    """And its Provenance says UPDATE; what the row no longer states is marked as an error, never deleted."""
    bench.file("patients.csv", HEADER + "1,张三,青霉素、磺胺,,2025-01-01\n")
    bench.take()
    assert len(bench.read("AllergyIntolerance")) == 2
    bench.file("patients.csv", HEADER + "1,张三丰,青霉素,,2025-02-01\n")
    assert counts(bench.take()) == {"stored": 1}
    (patient,) = bench.read("Patient")
    assert (patient["name"][0]["text"], patient["meta"]["versionId"]) == ("张三丰", "2")
    first, second = sorted(bench.read("AllergyIntolerance"), key=lambda one: "clinicalStatus" in one)
    assert first["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    assert "clinicalStatus" not in first
    assert "verificationStatus" not in second
    (provenance,) = bench.read("Provenance")
    assert provenance["activity"]["coding"][0]["code"] == "UPDATE"
    assert {target["reference"] for target in provenance["target"]} >= {f"AllergyIntolerance/{first['id']}"}


@pytest.mark.parametrize("changed", ["", "2025-01-01"])
def test_rows_that_nothing_orders_stand_as_they_were_read_last(bench: Bench, changed: str) -> None:
    """Without a change time, or with the same, the last row stands, of a file and of several; all of them again store
    nothing. The same row in a new file is news."""
    bench.file("patients-1.csv", HEADER + "".join(f"1,{name},,,{changed}\n" for name in ("甲", "乙", "甲", "丙")))
    bench.file("patients-2.csv", HEADER + f"1,丁,,,{changed}\n")
    assert counts(bench.take()) == {"stored": 5}
    for _ in range(2):
        assert counts(bench.take()) == {"unchanged": 5}
    (patient,) = bench.read("Patient")
    assert (patient["name"][0]["text"], patient["meta"]["versionId"]) == ("丁", "5")
    bench.file("patients-3.csv", HEADER + f"1,甲,,,{changed}\n")
    assert counts(bench.take()) == {"stored": 1, "unchanged": 5}
    assert counts(bench.take()) == {"unchanged": 6}


def test_an_older_version_never_overwrites_a_newer_one(bench: Bench) -> None:
    """M21c: in any order of arrival, in one file or in two."""
    bench.file("patients.csv", HEADER + "1,新名,,,2025-06-01\n1,旧名,,,2025-01-01\n")
    assert counts(bench.take()) == {"stored": 1, "unchanged": 1}
    bench.file("patients.csv", HEADER + "1,更旧,,,2024-01-01\n")
    assert counts(bench.take()) == {"unchanged": 1}
    assert bench.read("Patient")[0]["name"][0]["text"] == "新名"


def test_a_bad_record_never_stops_a_file(bench: Bench) -> None:
    """No key, damaged name, a row of another shape: quarantined with code and column; the rest is stored."""
    rows = ",张三,,,\n2,????,,,\n3,李四\n4,王五,,,昨天\n5,赵六,,,2025-01-01\n"
    bench.file("patients.csv", HEADER + rows)
    report = bench.take()
    assert counts(report) == {"stored": 2, "quarantined": 3}
    found = [(outcome.record, issue) for outcome in bench.outcomes for issue in outcome.issues]
    issues = {(record, issue["code"], issue["column"]) for record, issue in found}
    assert issues == {(1, "key-missing", "ID"), (2, "M29", "XM"), (3, "row-shape", ""), (4, "M07", "T")}
    assert counts(bench.take()) == {"unchanged": 2, "quarantined": 3}


def test_a_record_that_breaks_the_mapping_is_kept_for_replay(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of the program with one record is told by its place, without values; the others are stored."""
    bench.file("patients.csv", HEADER + "1,张三,,,2025-01-01\n2,李四,,,2025-01-01\n")

    def faulty(mapping: Any, row: Any, *more: Any) -> Any:
        return apply(mapping, row, *more) if row["ID"] == "1" else 1 / 0

    with monkeypatch.context() as broken:
        broken.setattr(ahead, "apply", faulty)
        report = bench.take()
    assert counts(report) == {"stored": 1, "quarantined": 1}
    assert "record 2 could not be mapped (ZeroDivisionError in test_run.py" in caplog.text
    assert "李四" not in caplog.text
    assert counts(bench.take()) == {"unchanged": 1, "stored": 1}


def test_a_version_of_odd_digits_is_text(bench: Bench) -> None:
    """What looks like a digit and is no number (²) orders nothing and breaks nothing."""
    bench.file("patients.csv", HEADER + "1,张三,,,²\n2,李四,,,٣\n")
    assert counts(bench.take()) == {"stored": 2}


def test_the_quarantine_is_replayed_after_the_mapping_was_mended(bench: Bench) -> None:
    """What is stored now leaves the quarantine; the same file then says unchanged."""
    bench.mapping(MAPPING_THAT_NEEDS_A_PHONE)
    bench.file("patients.csv", HEADER + "1,张三,,13812345678,2025-01-01\n2,李四,,,2025-01-01\n")
    assert counts(bench.take()) == {"stored": 1, "quarantined": 1}
    bench.mapping()
    assert counts(bench.take_again()) == {"stored": 1}
    assert counts(bench.take_again()) == {}
    assert counts(bench.take()) == {"unchanged": 2}


def test_a_refused_record_does_not_hold_up_the_others(bench: Bench) -> None:
    """The transaction is tried again record by record; the one that is refused is quarantined."""

    def refuse(interaction: Interaction) -> None:
        if "李四" in str(interaction.body):
            raise FhirError("invariant", "no")

    bench.refuse = refuse
    bench.file("patients.csv", HEADER + "1,张三,,,2025-01-01\n2,李四,,,2025-01-01\n3,王五,,,2025-01-01\n")
    assert counts(bench.take()) == {"stored": 2, "quarantined": 1}
    bench.refuse = lambda interaction: None
    assert counts(bench.take_again()) == {"stored": 1}


def test_a_full_store_stops_the_intake_and_the_next_run_goes_on(bench: Bench) -> None:
    """503 and 507 are the store's, not the record's: nothing is quarantined for them."""
    calls = []

    def refuse(interaction: Interaction) -> None:
        calls.append(interaction)
        if len(calls) == 3:
            raise FhirError("no-store", "The disk is full.")

    bench.refuse = refuse
    bench.file("patients.csv", HEADER + "".join(f"{n},张三,,,2025-01-01\n" for n in range(10)))
    with pytest.raises(FhirError, match="disk"):
        bench.take()
    bench.refuse = lambda interaction: None
    assert counts(bench.take()) == {"unchanged": 4, "stored": 6}


def test_a_column_that_is_not_there_states_nothing(bench: Bench) -> None:
    """Columns in another order, more of them, and one that the file has not: told once, of the first record."""
    bench.file("patients.csv", "\ufeffT,XX,XM,ID,DH\r\n2025-01-01,x,张三,1,13812345678\r\n2025-01-01,x,李四,2,\r\n")
    report = bench.take()
    assert counts(report) == {"stored": 2}
    assert [issue["column"] for one in bench.outcomes for issue in one.issues] == ["GM"]
    assert bench.outcomes[0].issues[0]["code"] == "column-missing"
    assert {one["name"][0]["text"] for one in bench.read("Patient?_tag:not=golden")} == {"张三", "李四"}


def test_files_that_cannot_be_read_are_rejected_whole(bench: Bench) -> None:
    """A wrong encoding, text converted twice, a missing column: every record rejected, one issue of the file."""
    bench.file("patients-gb.csv", (HEADER + "1,张三,,,\n2,李四,,,\n").encode("gb18030"))
    bench.file("patients-twice.csv", HEADER + "1,锟斤拷,,,\n2,锟斤拷,,,\n3,锟斤拷,,,\n")
    bench.file("patients-short.csv", "ID,XM\n1,张三\n")
    bench.file("notes.txt", "x")
    report = bench.take()
    assert counts(report) == {"rejected": 6}
    problems = {one.file.split("/")[1]: one.problem for one in report.files}
    assert "not utf-8" in str(problems["patients-gb.csv"])
    assert "damaged" in str(problems["patients-twice.csv"])
    assert "GM, DH, T" in str(problems["patients-short.csv"])
    assert report.unmatched == ("s/notes.txt",)


def test_a_file_that_several_mappings_divide_is_rejected_once(bench: Bench) -> None:
    """One line in the table, one issue, each record once."""
    only = 'source: {only: "GM.exists()", format'
    text = (bench.folder / "mappings" / "s" / "patients.yaml").read_text("utf-8")
    bench.mapping(text.replace("source: {format", only))
    other = text.replace("source: {format", only.replace("GM.exists()", "GM.empty()"))
    (bench.folder / "mappings" / "s" / "others.yaml").write_text(other, "utf-8")
    bench.file("patients-gb.csv", (HEADER + "1,张三,,,\n2,李四,,,\n").encode("gb18030"))
    report = bench.take()
    assert (counts(report), len(report.files)) == ({"rejected": 2}, 1)
    assert report.files[0].issues == {("M29f", ""): 1}
    assert [one.record for one in bench.outcomes] == [1, 2]


def test_reports_hold_no_personal_values(bench: Bench) -> None:
    """Keys, columns and codes only."""
    bench.file("patients.csv", HEADER + "1,张三,青霉素过敏,13812345678,昨天\n2,????,磺胺,13912345678,2025-01-01\n")
    report = bench.take()
    told = str(bench.outcomes) + str(report)
    assert not [value for value in ("张三", "青霉素", "磺胺", "138", "139", "昨天") if value in told]


def test_resources_lead_back_to_institution_and_file(bench: Bench) -> None:
    """The Provenance finds its Organization and names file and record."""
    bench.file("patients.csv", HEADER + "1,张三,,,2025-01-01\n")
    bench.take()
    (provenance,) = bench.read("Provenance")
    (organization,) = bench.read("Organization")
    assert provenance["agent"][0]["who"]["reference"] == f"Organization/{organization['id']}"
    assert organization["identifier"][0]["value"] == "X1"
    assert "s/patients.csv, record 1" in provenance["entity"][0]["what"]["display"]


MAPPING_THAT_NEEDS_A_PHONE = """title: 病人
version: 0
source: {format: csv, file: "patients*.csv", encoding: utf-8, columns: [ID, XM, DH]}
record: {key: [ID], main: [phone]}
values: {phone: DH | phone, name: XM | name}
resources:
  - type: Patient
    key: "{ID}"
    content: {name: [{text: "{name}"}], telecom: ["{phone}"]}
"""


def test_a_row_of_a_wrong_shape_keeps_its_cells_and_is_not_replayed_into_the_store(bench: Bench) -> None:
    """Nothing of it is lost in the quarantine, and a replay does not take shifted cells for sound ones; an explanation
    passes over files that cannot be read."""
    bench.file("patients.csv", HEADER + "1,张三,,多,了,一,格\n2,李四,无,,2025-01-01\n")
    bench.file("patients-empty.csv", "")
    assert counts(bench.take()) == {"stored": 1, "quarantined": 1}

    async def again(world: Any, desk: Desk) -> tuple[bytes | None, Report]:
        (kept,) = [record.raw async for _, record in desk.ledger.quarantined("s/patients")]
        return kept, await replay(load(bench.folder / "mappings"), desk)

    kept, replayed = bench.perform(again)
    assert "格" in (kept or b"").decode()
    assert counts(replayed) == {"quarantined": 1}
    inputs = discover([bench.folder / "s"], load(bench.folder / "mappings"))
    assert [one.record for one in shown(inputs, "ID=2")] == [2]
