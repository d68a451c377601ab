"""Files of messages: every message one record; conditions divide them between mappings, versions come in any order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from countyfhir.exchange import Answer, Interaction
from countyfhir.intake import Desk, RecordOutcome, discover, run
from countyfhir.intake.readers import hl7_file
from countyfhir.mapping import load
from countyfhir.mapping.record import Format
from countyfhir.store.ports import IntakeStore
from tests.stores import opened

FORM = Format("hl7v2", "*.hl7", (), "gb18030")
SOURCE = "title: 检验中心\ninstitution: 中心\ninstitutions: [{name: 中心}]\n"
PERSON = """title: 病人
version: 1
order: 1
source:
  format: hl7v2
  file: "*.hl7"
  encoding: gb18030
  only: MSH.f9.c2 in ('A04' | 'A08')
  columns: {MSH-10: MSH.f10.c1, MRN: PID.f3.c1, NAME: PID.f5.c1, EVN-2: EVN.f2.c1}
record: {key: [MSH-10], of: [MRN], reused: [MRN], version: "`EVN-2` | date_time", main: [MRN]}
resources:
  - {type: Patient, key: "{MRN}", shared: true, content: {name: [{text: "{NAME}"}]}}
"""
RESULT = """title: 结果
version: 1
order: 2
source:
  format: hl7v2
  file: "*.hl7"
  encoding: gb18030
  only: MSH.f9.c1 = 'ORU'
  columns: {MSH-10: MSH.f10.c1, MSH-7: MSH.f7.c1, MRN: PID.f3.c1, NAME: PID.f5.c1, OBR-2: OBR.f2.c1, OBX: OBR.OBX}
record: {key: [MSH-10], of: [OBR-2], reused: [OBR-2], version: "`MSH-7` | date_time", main: [MRN]}
resources:
  - {type: Patient, key: "{MRN}", stub: true, content: {name: [{text: "{NAME}"}]}}
  - type: Observation
    each: one in OBX
    key: "{`OBR-2`}/{item}"
    values:
      item: one | path('f3.c1')
      measured: one.f5 | message_value(one.f2) | result(one | path('f6.c1'))
    checks:
      - {when: measured.quantity.value > 300, issue: M13g, columns: [OBX-5], held_back: true}
    content:
      status: final
      code: {text: "{item}"}
      subject: {ref: Patient, key: "{MRN}"}
      valueQuantity: "{measured.quantity}"
      valueString: "{measured.written}"
"""


def message(kind: str, control: str, when: str, *segments: str) -> str:
    head = f"MSH|^~\\&|LIS|中心|P|C|{when}||{kind}|{control}|P|2.4"
    return "\r".join((head, f"EVN|{kind[-3:]}|{when}", *segments)) + "\r"


def patient(number: str, name: str) -> str:
    return f"PID|1||{number}||{name}"


class Bench:
    """A folder of the source, a real ledger, and a door that keeps what comes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.resources, self.outcomes = folder, dict[str, Any](), list[RecordOutcome]()
        mappings = folder / "mappings" / "lab"
        mappings.mkdir(parents=True)
        for name, text in (("source", SOURCE), ("person", PERSON), ("result", RESULT)):
            (mappings / f"{name}.yaml").write_text(text, "utf-8")
        (folder / "lab").mkdir()

    def take(self, *messages: str, name: str = "a.hl7") -> list[tuple[str, str]]:
        """Key and outcome of each record of a file with these messages."""
        (self.folder / "lab" / name).write_bytes("".join(messages).encode("gb18030"))
        self.outcomes.clear()
        asyncio.run(self._take(self.folder / "lab" / name))
        return [(one.key, one.outcome) for one in self.outcomes]

    async def _take(self, path: Path) -> None:
        store = await opened(self.folder / "ledger.sqlite")
        inputs = discover([path], load(self.folder / "mappings"))
        await run(inputs, Desk(store.intake, partial(self.write, store.intake), outcome=self.outcomes.append))
        await store.close()

    async def write(self, ledger: IntakeStore, interactions: Sequence[Interaction]) -> list[Answer]:
        if interactions[0].kind == "read":
            return [Answer(body=self.resources.get(f"{one.resource_type}/{one.logical_id}")) for one in interactions]
        for interaction in interactions:
            await ledger.append(interaction.account.ledger if interaction.account else ())
        for entry in (entry for one in interactions for entry in one.body["entry"]):
            assert entry["request"]["method"] == "PUT"
            self.resources[entry["request"]["url"]] = entry["resource"]
        return [Answer() for _ in interactions]

    def of_type(self, name: str) -> list[Any]:
        return [one for reference, one in self.resources.items() if reference.startswith(f"{name}/")]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty county."""
    return Bench(tmp_path)


def test_frames_and_batch_headers_are_passed_over(tmp_path: Path) -> None:
    """MLLP frames, FHS/BHS/BTS/FTS, CR, LF or both; a text that contains MSH is no message."""
    path = tmp_path / "x.hl7"
    one, two = (message("ADT^A04", str(no), "20250101", patient("1", "MSH|x")) for no in (1, 2))
    path.write_bytes(
        b"FHS|^~\\&\r\nBHS|^~\\&\r\n\x0b"
        + one.encode()
        + b"\x1c\r"
        + two.replace("\r", "\r\n").encode()
        + b"BTS|2\rFTS|1\r"
    )
    raws = list(hl7_file.messages(path))
    assert [hl7_file.control_id(raw) for raw in raws] == [b"1", b"2"]
    assert all(b"BTS" not in raw and b"\x1c" not in raw for raw in raws)
    assert hl7_file.inspect(path, FORM).records == 2


def test_messages_across_the_pieces_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every size of piece gives the same messages."""
    path = tmp_path / "x.hl7"
    path.write_text(
        "".join(message("ADT^A04", str(no), "20250101", patient(str(no), "甲")) for no in range(9)), "gb18030"
    )
    whole = list(hl7_file.messages(path))
    for size in (1, 7, 64, 200):
        monkeypatch.setattr(hl7_file, "CHUNK", size)
        assert list(hl7_file.messages(path)) == whole
    assert len(whole) == 9


def test_versions_of_a_person_come_in_any_order(bench: Bench) -> None:
    """The newest EVN-2 is current; an older message that comes later is unchanged; a second run stores nothing."""
    messages = [
        message("ADT^A04", "1", "20250101080000", patient("7", "旧名")),
        message("ADT^A08", "3", "20250301080000", patient("7", "新名")),
        message("ADT^A08", "2", "20250201080000", patient("7", "中名")),
    ]
    assert [outcome for _, outcome in bench.take(*messages)] == ["stored", "stored", "unchanged"]
    assert bench.of_type("Patient")[0]["name"] == [{"text": "新名"}]
    assert {outcome for _, outcome in bench.take(*messages)} == {"unchanged"}


def test_a_result_before_its_patient_is_not_lost_and_gives_way(bench: Bench) -> None:
    """The stub stands until a record of its own comes, and never overwrites one."""
    result = message("ORU^R01", "9", "20250401080000", patient("7", "片段"), "OBR|1|J1", "OBX|1|NM|K||4.5|mmol/L")
    bench.take(result)
    assert bench.of_type("Patient")[0]["name"] == [{"text": "片段"}]
    bench.take(message("ADT^A04", "1", "20240101080000", patient("7", "登记")), name="b.hl7")
    assert bench.of_type("Patient")[0]["name"] == [{"text": "登记"}]
    bench.take(
        message("ORU^R01", "10", "20250501080000", patient("7", "片段"), "OBR|1|J2", "OBX|1|NM|K||4|mmol/L"),
        name="c.hl7",
    )
    assert bench.of_type("Patient")[0]["name"] == [{"text": "登记"}]


def test_a_correction_replaces_only_what_it_repeats(bench: Bench) -> None:
    """The same Observation in a new version; results that the correction does not repeat stay."""
    first = message(
        "ORU^R01",
        "1",
        "20250401080000",
        patient("7", "甲"),
        "OBR|1|J1",
        "OBX|1|NM|K||4.5|mmol/L",
        "OBX|2|NM|NA||140|mmol/L",
    )
    corrected = message("ORU^R01", "2", "20250402080000", patient("7", "甲"), "OBR|1|J1", "OBX|1|NM|K||5.4|mmol/L")
    assert [outcome for _, outcome in bench.take(first, corrected, first)] == ["stored", "stored", "unchanged"]
    values = {one["code"]["text"]: str(one["valueQuantity"]["value"]) for one in bench.of_type("Observation")}
    assert values == {"K": "5.4", "NA": "140"}


def test_a_correction_leaves_the_report_its_other_results(bench: Bench) -> None:
    """The report lists what the correction repeats, what it does not, and what it adds, each once."""
    report = """  - type: DiagnosticReport
    key: "{`OBR-2`}"
    content:
      status: final
      code: {text: 报告}
      subject: {ref: Patient, key: "{MRN}"}
      result: [{each: one in OBX, ref: Observation, made: true, key: "{`OBR-2`}/{one | path('f3.c1')}"}]
"""
    (bench.folder / "mappings" / "lab" / "result.yaml").write_text(RESULT.rstrip("\n") + "\n" + report, "utf-8")
    obx = ["OBX|1|NM|K||4.4|mmol/L", "OBX|2|NM|NA||140|mmol/L"]
    first = message("ORU^R01", "1", "20250401080000", patient("7", "甲"), "OBR|1|J1", *obx)
    more = ["OBX|1|NM|K||5.4|mmol/L", "OBX|2|NM|CL||100|mmol/L"]
    corrected = message("ORU^R01", "2", "20250402080000", patient("7", "甲"), "OBR|1|J1", *more)
    assert [outcome for _, outcome in bench.take(first, corrected)] == ["stored", "stored"]
    (found,) = bench.of_type("DiagnosticReport")
    items = {f"Observation/{one['id']}": one["code"]["text"] for one in bench.of_type("Observation")}
    assert [items[one["reference"]] for one in found["result"]] == ["K", "NA", "CL"]


def test_a_control_id_used_twice_is_no_repeat(bench: Bench) -> None:
    """M34: other content under one MSH-10 is another record, whose key says more; the same bytes are a repeat."""
    one = message("ORU^R01", "D", "20250401080000", patient("7", "甲"), "OBR|1|J1", "OBX|1|NM|K||4.5|mmol/L")
    two = message("ORU^R01", "D", "20250401090000", patient("8", "乙"), "OBR|1|J2", "OBX|1|NM|K||4.6|mmol/L")
    found = bench.take(one, two, one)
    assert found == [
        ("MSH-10=D;OBR-2=J1", "stored"),
        ("MSH-10=D;OBR-2=J2", "stored"),
        ("MSH-10=D;OBR-2=J1", "unchanged"),
    ]


def test_a_control_id_of_another_day_is_no_repeat(bench: Bench) -> None:
    """A sender that counts anew each day: each file's message keeps its own key and Provenance, in any order and again;
    a newer version of the same result under the same number is still its newer version."""
    one = message("ORU^R01", "1", "20250401080000", patient("7", "甲"), "OBR|1|J1", "OBX|1|NM|K||4.5|mmol/L")
    two = message("ORU^R01", "1", "20250402080000", patient("8", "乙"), "OBR|1|J2", "OBX|1|NM|K||4.6|mmol/L")
    newer = message("ORU^R01", "1", "20250403080000", patient("7", "甲"), "OBR|1|J1", "OBX|1|NM|K||4.7|mmol/L")
    assert bench.take(one) == [("MSH-10=1", "stored")]
    assert bench.take(two) == [("MSH-10=1;OBR-2=J2", "stored")]
    assert [bench.take(each)[0][1] for each in (two, one)] == ["unchanged", "unchanged"]
    assert len(bench.of_type("Observation")) == len(bench.of_type("Provenance")) == 2
    assert bench.take(newer) == [("MSH-10=1", "stored")]
    values = sorted(found["valueQuantity"]["value"] for found in bench.of_type("Observation"))
    assert [str(value) for value in values] == ["4.6", "4.7"]
    assert bench.take(two)[0][1] == "unchanged"


def test_every_message_has_one_outcome(bench: Bench) -> None:
    """A kind that no mapping takes, a message without MSH fields and wrong text are quarantined, none is dropped; a bad
    value in one OBX holds back only that Observation."""
    found = bench.take(
        message("ADT^A04", "1", "20250101", patient("7", "甲")),
        message("SIU^S12", "2", "20250101", patient("7", "甲")),
        "MSH||x\r",
        message("ORU^R01", "3", "20250101", patient("7", "甲"), "OBR|1|J1", "OBX|1|NM|GLU||400", "OBX|2|NM|K||4"),
    )
    assert sorted(outcome for _, outcome in found) == ["quarantined", "quarantined", "stored", "stored"]
    issues = [issue["code"] for one in bench.outcomes for issue in one.issues]
    assert sorted(issues) == ["M13g", "no-mapping", "not-hl7"]
    (held,) = [issue for one in bench.outcomes for issue in one.issues if issue["code"] == "M13g"]
    assert (held["column"], held["held_back"]) == ("OBX-5", True)
    assert [one["code"]["text"] for one in bench.of_type("Observation")] == ["K"]
