"""One event through several channels: one resource, several Provenances, whichever comes first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from countyfhir.intake import Desk, discover, run
from countyfhir.mapping import load
from tests.intake.conftest import Bench

SOURCE = """title: 测试
institution: 县医院
institutions: [{name: 县医院, code: X1}]
"""
PEOPLE = """title: 病人
version: 1
order: 10
source: {format: csv, file: "people*.csv", encoding: utf-8, columns: [ID, XM, SFZ, CS, XB]}
record: {key: [ID]}
codes: {sex: {column: XB, dictionary: 1, table: {1: male, 2: female}}}
values: {card: SFZ | identity_number, gender: XB | code(sex)}
resources:
  - type: Patient
    key: "{ID}"
    content:
      identifier:
        - {when: card.verified, system: "urn:oid:2.16.156.10011.1.3", value: "{card.value}"}
      name: [{text: "{XM}"}]
      gender: "{gender}"
      birthDate: "{CS}"
"""
STAYS = """title: 住院
version: 1
order: 20
source: {format: csv, file: "stays*.csv", encoding: utf-8, columns: [NO, ID, RY, CY, KS]}
record: {key: [NO]}
values: {admitted: RY | date_time, discharged: CY | date_time}
resources:
  - type: Encounter
    key: "{NO}"
    event: {institution: X1, time: {start: "{admitted}", end: "{discharged}"}, code: IMP}
    content:
      identifier: [{system: "urn:test:%s", value: "{NO}"}]
      status: finished
      class: {system: "http://terminology.hl7.org/CodeSystem/v3-ActCode", code: IMP}
      serviceType: {text: "{KS}"}
      subject: {ref: Patient, key: "{ID}"}
      period: {start: "{admitted}", end: "{discharged}"}
"""
DIAGNOSES = """title: 诊断
version: 1
order: 30
source: {format: csv, file: "found*.csv", encoding: utf-8, columns: [N, NO, ID, ZD]}
record: {key: [N]}
resources:
  - type: Condition
    key: "{N}"
    event: {within: {ref: Encounter, key: "{NO}"}, code: "{ZD}"}
    content:
      code: {text: "{ZD}"}
      subject: {ref: Patient, key: "{ID}"}
      encounter: {ref: Encounter, key: "{NO}"}
"""
CARD, OTHER_CARD = "37052319550312141X", "370523195503121436"
PERSON = "ID,XM,SFZ,CS,XB\n{id},{name},{card},1955-03-12,1\n"


@pytest.fixture
def two(tmp_path: Path) -> Bench:
    """A bench with two sources that state stays and diagnoses."""
    bench = Bench(tmp_path)
    for name in ("s", "t"):
        folder = tmp_path / "mappings" / name
        folder.mkdir(parents=True)
        (folder / "source.yaml").write_text(SOURCE, "utf-8")
        (folder / "people.yaml").write_text(PEOPLE, "utf-8")
        (folder / "stays.yaml").write_text(STAYS % name, "utf-8")
        (folder / "found.yaml").write_text(DIAGNOSES, "utf-8")
    return bench


def written(bench: Bench, source: str, name: str, text: str) -> Path:
    path = bench.folder / source / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def files(bench: Bench, *, card: str = CARD, other: str = "王建国", later: str = "2025-03-01 08:30:00") -> list[Path]:
    """People, a stay and its diagnosis in both sources."""
    head, row = "NO,ID,RY,CY,KS", "2025-03-01 08:30:00,2025-03-09 10:00:00"
    return [
        written(bench, "s", "people.csv", PERSON.format(id=1, name="王建国", card=CARD)),
        written(bench, "s", "stays.csv", f"{head}\nA1,1,{row},内科\n"),
        written(bench, "t", "people.csv", PERSON.format(id=9, name=other, card=card)),
        written(bench, "t", "stays.csv", f"{head}\nB7,9,{later},2025-03-09 10:00:59,\n"),
        written(bench, "t", "found.csv", "N,NO,ID,ZD\n1,B7,9,肺炎\n"),
        written(bench, "s", "found.csv", "N,NO,ID,ZD\n1,A1,1,肺炎\n"),
    ]


def numbers(encounter: dict[str, Any]) -> set[str]:
    return {one["value"] for one in encounter["identifier"]}


def test_a_stay_through_two_systems_is_one_encounter(two: Bench) -> None:
    """Person and time agree: one Encounter with both numbers, two Provenances; the diagnosis of both is one, too."""
    two.take(*files(two))
    (stay,) = two.read("Encounter?")
    (found,) = two.read("Condition?")
    assert numbers(stay) == {"A1", "B7"}
    assert stay["serviceType"]["text"] == "内科"
    assert found["encounter"]["reference"] == f"Encounter/{stay['id']}"
    assert len(two.read(f"Provenance?target=Encounter/{stay['id']}")) == 2


def test_the_order_of_arrival_does_not_matter(two: Bench) -> None:
    """Stay before person, diagnosis before stay: the same content every time, and nothing points nowhere."""
    paths = files(two)
    for number, order in enumerate([paths[::-1], [paths[place] for place in (4, 3, 1, 5, 2, 0)]]):
        taken_one_by_one(two, order, number)
        (stay,) = two.read("Encounter?")
        assert numbers(stay) == {"A1", "B7"}
        assert stay["serviceType"]["text"] == "内科"
        assert {one["encounter"]["reference"] for one in two.read("Condition?")} == {f"Encounter/{stay['id']}"}
        targets = {one["reference"] for each in two.read("Provenance?") for one in each["target"]}
        assert {one for one in targets if one.startswith("Encounter/")} == {f"Encounter/{stay['id']}"}


def taken_one_by_one(bench: Bench, order: list[Path], number: int) -> None:
    """Takes the files in, each in a run of its own, into a new store."""
    bench.folder = order[0].parent.parent / str(number)
    bench.folder.mkdir()

    async def work(world: Any, desk: Desk) -> None:
        for path in order:
            await run(discover([path], load(path.parent.parent / "mappings")), desk)

    bench.perform(work)


def test_a_second_run_stores_nothing(two: Bench) -> None:
    """Joined or not, the records are unchanged."""
    two.take(*files(two))
    again = two.take(*files(two)).total()
    assert (again["stored"], again["unchanged"]) == (0, 6)


@pytest.mark.parametrize(
    ("card", "other", "later"),
    [
        (OTHER_CARD, "王建国", "2025-03-01 08:30:00"),
        ("", "王建军", "2025-03-01 08:30:00"),
        (CARD, "王建国", "2025-03-01 11:30:00"),
    ],
    ids=["another identity number", "another name", "another hour"],
)
def test_what_does_not_agree_stays_apart(two: Bench, card: str, other: str, later: str) -> None:
    """Another person or another time is another stay."""
    two.take(*files(two, card=card, other=other, later=later))
    assert sorted(map(numbers, two.read("Encounter?")), key=str) == [{"A1"}, {"B7"}]


def test_without_a_number_the_likeness_tells(two: Bench) -> None:
    """Name, birth date and sex agree where one of the two has no identity number."""
    two.take(*files(two, card=""))
    assert [numbers(one) for one in two.read("Encounter?")] == [{"A1", "B7"}]


def test_a_correction_changes_the_joined_resource(two: Bench) -> None:
    """A corrected row of the leading table is stated anew; what the other system says stays."""
    two.take(*files(two))
    written(two, "s", "stays.csv", "NO,ID,RY,CY,KS\nA1,1,2025-03-01 08:30:00,2025-03-09 10:00:00,外科\n")
    two.take(two.folder / "s" / "stays.csv")
    (stay,) = two.read("Encounter?")
    assert (stay["serviceType"]["text"], numbers(stay)) == ("外科", {"A1", "B7"})


def test_another_certainty_stays_apart_and_is_linked(two: Bench) -> None:
    """A diagnosis that one source doubts and the other does not is two statements; the later one points to the
    other."""
    mapping = two.folder / "mappings" / "t" / "found.yaml"
    doubt = '{coding: [{system: "http://terminology.hl7.org/CodeSystem/condition-ver-status", code: provisional}]}'
    mapping.write_text(mapping.read_text("utf-8") + f"      verificationStatus: {doubt}\n", "utf-8")
    two.take(*files(two))
    apart = two.read("Condition?")
    links = [one["extension"][0]["valueReference"]["reference"] for one in apart if "extension" in one]
    assert len(apart) == 2
    assert links == [f"Condition/{one['id']}" for one in apart if "extension" not in one]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 3, 0, 2), (3, 2, 1, 0), (1, 0, 3, 2)])
def test_linked_records_of_one_person_agree(two: Bench, order: tuple[int, ...]) -> None:
    """Two channels name two records of one person, whose name the one spells otherwise: the golden link says so, also
    when it comes last."""
    phone = '      telecom: [{system: phone, value: "{DH}"}]\n      address: [{text: "{DZ}"}]\n'
    for name in ("s", "t"):
        people = two.folder / "mappings" / name / "people.yaml"
        text = people.read_text("utf-8").replace("CS, XB]}", "CS, XB, DH, DZ]}")
        people.write_text(text + phone, "utf-8")
    paths = files(two)
    rows = {"s": f"1,王建国,{CARD},1955-03-12,1", "t": "9,王健国,,1955-03-12,1"}
    for name, row in rows.items():
        written(two, name, "people.csv", f"ID,XM,SFZ,CS,XB,DH,DZ\n{row},13812345678,青禾县石桥镇北岭村91号\n")
    for place in order:
        two.take(paths[place])
    assert (
        len({one["link"][0]["other"]["reference"] for one in two.read("Patient?_tag:not=golden") if "link" in one}) == 1
    )
    assert [numbers(one) for one in two.read("Encounter?")] == [{"A1", "B7"}]
