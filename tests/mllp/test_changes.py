"""The shipped mappings of standard messages: a message states what changed, and the rest stays as it is stored
(HL7 v2.5.1 section 2.5.3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from countyfhir import shipped
from countyfhir.exchange import Answer, Interaction
from countyfhir.intake import Desk, discover, run
from countyfhir.mapping import load
from countyfhir.mllp.peers import loopback_peer

from .conftest import Bench, Line

TABLES = "title: 表\ninstitution: 白石县人民医院\ninstitutions: [{name: 白石县人民医院}]\n"
STAYS = """title: 住院
version: 1
source: {format: csv, file: stays.csv, encoding: utf-8, columns: [NO, XM, CS, RY, CY]}
record: {key: [NO]}
values: {admitted: RY | date_time, discharged: CY | date_time}
resources:
  - {type: Patient, key: "{NO}", content: {name: [{text: "{XM}"}], birthDate: "{CS}", gender: female}}
  - type: Encounter
    key: "{NO}"
    event: {institution: 白石县人民医院, time: {start: "{admitted}", end: "{discharged}"}, code: IMP}
    content:
      identifier: [{system: "urn:test:wards", value: "{NO}"}]
      status: finished
      class: {system: "http://terminology.hl7.org/CodeSystem/v3-ActCode", code: IMP}
      subject: {ref: Patient, key: "{NO}"}
      period: {start: "{admitted}", end: "{discharged}"}
"""
NUMBER = iter(range(10_000))


@pytest.fixture
def standard(bench: Bench) -> Bench:
    bench.peers = (loopback_peer("hl7-standard"),)
    bench.loaded = load(shipped.folder("mappings") / "hl7-standard")
    return bench


def message(kind: str, at: str, *segments: str, version: str = "2.5.1") -> bytes:
    """A message with a control id of its own."""
    head = f"MSH|^~\\&|NUR|妇产医院|HUB|COUNTY|{at}||{kind}|C{next(NUMBER):05}|P|{version}||||||UNICODE UTF-8"
    event = kind.split("^")[1]
    evn = [f"EVN|{event}|{at}"] if kind.startswith(("ADT", "MDM")) else []
    return "\r".join([head, *evn, *segments, ""]).encode()


def person(*, phone: str = "", name: str = "上官^婉^儿", sex: str = "F", card: str = "") -> str:
    number = f"~{card}^^^^NI" if card else ""
    return f"PID|1||F7^^^FC^MR{number}||{name}||19850612|{sex}|||||{phone}"


def visit(*, admitted: str = "", discharged: str = "", ward: str = "产科^2^7", number: str = "S7") -> str:
    fields = [""] * 46
    fields[:4] = ["PV1", "1", "I", ward]
    fields[19], fields[44], fields[45] = number, admitted, discharged
    return "|".join(fields).rstrip("|")


async def performed(world: Any, interactions: Sequence[Interaction]) -> list[Answer]:
    """The door of an intake beside the listener."""
    return [await world.perform(interaction) for interaction in interactions]


def in_order(standard: Bench, *messages: bytes, of: str) -> list[dict[str, Any]]:
    """The resources of the type after the messages, each of which is accepted."""
    found: list[dict[str, Any]] = []

    async def work(line: Line) -> None:
        answers = await line.send(*messages)
        assert [one[1][1] for one in answers] == ["AA"] * len(messages)
        assert not await line.quarantine()
        found.extend(await line.read(of))

    standard(work)
    return found


def test_an_update_of_a_stay_does_not_admit_discharge_or_restore_anybody(standard: Bench) -> None:
    """A08 keeps the state and the times that it does not mention: after A03 the stay is finished, after A11
    cancelled."""
    stay = visit(admitted="20260101", discharged="20260105080000")
    one, other = in_order(
        standard,
        message("ADT^A01", "20260101080000", person(), visit(admitted="20260101080000")),
        message("ADT^A03", "20260105080000", person(), stay),
        message("ADT^A08", "20260106080000", person(), visit(ward="妇科^1^1")),
        message("ADT^A11", "20260106080000", person(), visit(number="S8")),
        message("ADT^A08", "20260107080000", person(), visit(number="S8", admitted="20260101")),
        of="Encounter",
    )
    states = {each["identifier"][0]["value"]: each for each in (one, other)}
    assert states["S7"]["status"] == "finished"
    assert states["S7"]["period"] == {"start": "2026-01-01", "end": "2026-01-05T08:00:00+08:00"}
    assert states["S7"]["serviceType"] == {"text": "妇科"}
    assert states["S8"]["status"] == "cancelled"


def test_a_cancelled_discharge_ends_nothing(standard: Bench) -> None:
    """A13 takes the end away, also after an A08 that repeats what the A13 says."""
    (stay,) = in_order(
        standard,
        message("ADT^A03", "20260105080000", person(), visit(admitted="20260101", discharged="20260105080000")),
        message("ADT^A08", "20260105090000", person(), visit()),
        message("ADT^A13", "20260105100000", person(), visit()),
        of="Encounter",
    )
    assert (stay["status"], stay["period"]) == ("in-progress", {"start": "2026-01-01"})


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (3, 0, 1, 2), (1, 3, 0, 2)])
def test_what_was_said_last_stands_in_whatever_order_it_comes(standard: Bench, order: tuple[int, ...]) -> None:
    """An older message adds what newer ones left out and changes nothing that they said or took away."""
    said = [
        message("ADT^A28", "20260101070000", person(phone="13912340000", card="110101198506120027")),
        message("ADT^A01", "20260101080000", person(phone="13912341111"), visit(admitted="20260101080000")),
        message("ADT^A03", "20260105080000", person(phone='""'), visit(discharged="20260105080000", ward="妇科^1^1")),
        message("ADT^A08", "20260106080000", person(), visit(ward="外科^1^1")),
    ]
    (stay,) = in_order(standard, *(said[place] for place in order), of="Encounter")
    assert (stay["status"], stay["serviceType"]) == ("finished", {"text": "外科"})
    assert stay["period"] == {"start": "2026-01-01T08:00:00+08:00", "end": "2026-01-05T08:00:00+08:00"}
    (patient,) = in_order(standard, of="Patient")
    assert "telecom" not in patient
    assert len(patient["identifier"]) == 2


def test_what_a_person_keeps_and_loses(standard: Bench) -> None:
    """An absent field stays, an empty one stays, "" goes; numbers of other systems stay beside the one that is
    stated; the whole name is one text."""
    (patient,) = in_order(
        standard,
        message("ADT^A28", "20260101080000", person(phone="13912340000", card="110101198506120027")),
        message("ADT^A31", "20260102080000", person(sex="")),
        of="Patient",
    )
    assert patient["name"] == [{"text": "上官婉儿"}]
    assert (patient["gender"], patient["telecom"][0]["value"], len(patient["identifier"])) == (
        "female",
        "13912340000",
        2,
    )
    (patient,) = in_order(standard, message("ADT^A31", "20260103080000", person(phone='""')), of="Patient")
    assert "telecom" not in patient


def test_the_name_in_characters_goes_before_the_one_in_letters(standard: Bench) -> None:
    """Whatever the order of the repetitions; a name in letters alone keeps its blanks."""
    (patient,) = in_order(
        standard, message("ADT^A28", "1", person(name="Shangguan^Waner^^^^^L^A~上官^婉儿^^^^^L^I")), of="Patient"
    )
    assert patient["name"] == [{"text": "上官婉儿"}]
    (patient,) = in_order(standard, message("ADT^A31", "2", person(name="Smith^Ann^Mary")), of="Patient")
    assert patient["name"] == [{"text": "Smith Ann Mary"}]


def test_every_number_that_is_merged_is_followed(standard: Bench) -> None:
    """Repetitions of MRG-1 and several groups of PID and MRG; time of birth with a zone, sex in small letters."""
    people = [f"PID|1||F{n}^^^FC^MR||独孤^{n}||1985061208{n}5+0800|f" for n in range(5)]
    registered = [message("ADT^A28", "20260101080000", one) for one in people]
    merged = message("ADT^A40", "20260102080000", people[0], "MRG|F1^^^FC^MR~F2^^^FC^MR", people[3], "MRG|F4^^^FC^MR")
    found = in_order(standard, *registered, merged, of="Patient")
    own = {one["identifier"][0]["value"]: one for one in found if "identifier" in one}
    assert sorted(name for name, one in own.items() if one.get("active") is False) == ["F1", "F2", "F4"]
    assert {one["gender"] for one in own.values()} == {"female"}
    assert {one["birthDate"] for one in own.values()} == {"1985-06-12"}


def test_a_cancelled_appointment_keeps_its_time_and_frees_its_slot(standard: Bench) -> None:
    """S15 often names the appointment only."""
    place, time = "AIL|1|A|K1^^^FC^^^^^产检室", "AIS|1|A|P1^产检|20260301090000|||20|min"
    made = message("SIU^S12", "20260201080000", "SCH||A7|||||||20|min|||||||||||||||BOOKED", person(), time, place)
    gone = message("SIU^S15", "20260202080000", "SCH||A7", person())
    (appointment,) = in_order(standard, made, gone, of="Appointment")
    assert (appointment["status"], appointment["start"]) == ("cancelled", "2026-03-01T09:00:00+08:00")
    assert appointment["participant"][-1]["actor"]["display"] == "产检室"
    (slot,) = in_order(standard, of="Slot")
    assert (slot["status"], slot["start"]) == ("free", "2026-03-01T09:00:00+08:00")


def test_a_new_state_of_a_document_leaves_its_text(standard: Bench) -> None:
    """MDM T03 has no OBX. T10 replaces: the document before it is superseded."""
    txa, line = "TXA|1|OP|TX|||||||||{0}|{1}||||{2}", "OBX|1|TX|OP||手术顺利"
    found = in_order(
        standard,
        message("MDM^T02", "20260101080000", person(), txa.format("D7", "", "PA"), line),
        message("MDM^T03", "20260102080000", person(), txa.format("D7", "", "LA")),
        message("MDM^T10", "20260103080000", person(), txa.format("D8", "D7", "LA"), line),
        of="DocumentReference",
    )
    first, second = sorted(found, key=lambda one: str(one["identifier"][0]["value"]))
    assert (first["status"], first["docStatus"]) == ("superseded", "final")
    assert "data" in first["content"][0]["attachment"]
    assert (second["status"], second["relatesTo"][0]["code"]) == ("current", "replaces")


def test_an_order_is_cancelled_without_saying_what_it_was(standard: Bench) -> None:
    """ORC without OBR: what is stored stays, and when it was asked for is not when it was cancelled. Of an order
    that is not stored, its end is."""
    order = message(
        "OMG^O19", "20260101080000", person(), "ORC|NW|R7|||||||20260101", "TQ1|1||||||||S", "OBR|1|R7||US1^产科超声"
    )
    found = in_order(
        standard,
        order,
        message("ORM^O01", "20260102080000", person(), "ORC|CA|R7|||||||20260102", version="2.3"),
        message("ORM^O01", "20260102080000", person(), "ORC|CA|R8|||||||20260102", version="2.3"),
        of="ServiceRequest",
    )
    first, second = sorted(found, key=lambda one: str(one["identifier"][0]["value"]))
    assert (first["status"], first["authoredOn"], first["priority"]) == ("revoked", "2026-01-01", "stat")
    assert first["code"]["text"] == "产科超声"
    assert (second["status"], "code" in second) == ("revoked", False)


def test_every_value_of_a_result_is_kept(standard: Bench) -> None:
    """Times, names, several answers, several numbers, pointers; a range with a bare repetition sign; a result without a
    state has the one of its report."""
    found = in_order(
        standard,
        message(
            "ORU^R01",
            "20260101080000",
            person(),
            "OBR|1|L7||G^组合|||20260101|||||||||||||||20260101080000||LAB|F",
            "OBX|1|TM|T1^时刻||0815||||||F",
            "OBX|2|XCN|T2^审核者||D1^上官^仪||||||F",
            "OBX|3|CE|T3^体征||A^皮疹~B^水肿||||||F",
            "OBX|4|NM|T4^血压||120~118|mm[Hg]|90~139||||",
            "OBX|5|RP|T5^影像||https://pacs.example/7||||||F",
            "OBX|6|NM|T6^剩余碱||-2.5|mmol/L|-3--1||||F",
        ),
        of="Observation",
    )
    results = {one["code"]["text"]: one for one in found}
    assert results["时刻"]["valueTime"] == "08:15:00"
    assert results["审核者"]["valueString"] == "D1 上官 仪"
    assert [each["valueCodeableConcept"]["text"] for each in results["体征"]["component"]] == ["皮疹", "水肿"]
    assert [each["valueQuantity"]["value"] for each in results["血压"]["component"]] == [120, 118]
    assert results["血压"]["status"] == "final"
    assert [str(results["血压"]["referenceRange"][0][edge]["value"]) for edge in ("low", "high")] == ["90", "139"]
    assert [str(results["剩余碱"]["referenceRange"][0][edge]["value"]) for edge in ("low", "high")] == ["-3", "-1"]
    (pointer,) = in_order(standard, of="DocumentReference")
    assert pointer["content"][0]["attachment"]["url"] == "https://pacs.example/7"


def test_a_stay_of_a_table_and_of_messages_is_one(standard: Bench, tmp_path: Path) -> None:
    """Whichever comes first: one Encounter with the numbers of both, and a Provenance of each record; what a later
    message changes of its own statement leaves the table's."""
    folder = tmp_path / "tables" / "wards"
    folder.mkdir(parents=True)
    (folder / "source.yaml").write_text(TABLES, "utf-8")
    (folder / "stays.yaml").write_text(STAYS, "utf-8")
    rows = tmp_path / "rows" / "wards"
    rows.mkdir(parents=True)
    (rows / "stays.csv").write_text(
        "NO,XM,CS,RY,CY\nH1,上官婉儿,1985-06-12,2026-01-01 08:00,2026-01-05 09:00\n", "utf-8"
    )

    async def work(line: Line) -> None:
        admitted = visit(admitted="20260101080000")
        discharged = visit(admitted="20260101080000", discharged="20260105090000")
        await line.send(message("ADT^A01", "20260101080000", person(), admitted))
        inputs = discover([rows.parent], load(tmp_path / "tables"))
        await run(inputs, Desk(line.world.store.intake, partial(performed, line.world)))
        await line.send(message("ADT^A03", "20260105090000", person(), discharged))
        (stay,) = await line.read("Encounter")
        assert sorted(one["value"] for one in stay["identifier"]) == ["H1", "S7"]
        assert (stay["status"], stay["period"]["end"]) == ("finished", "2026-01-05T09:00:00+08:00")
        targets = [each["reference"] for one in await line.read("Provenance") for each in one["target"]]
        assert targets.count(f"Encounter/{stay['id']}") == 3

    standard(work)
