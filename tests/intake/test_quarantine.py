"""The quarantine and the lineage over REST: its own scope, discard remembered; records converted without being
stored."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from countyfhir.app import open_world
from countyfhir.exchange import LOCAL, Answer, Interaction, Principal
from countyfhir.intake import Desk, discover, run
from countyfhir.intake.committing import discarded_in
from countyfhir.intake.reading import Record
from countyfhir.mapping import load
from countyfhir.outcome import FhirError
from countyfhir.settings import Settings
from tests.stores import store_at

SOURCE = "title: 测试\ninstitution: 县医院\ninstitutions: [{name: 县医院, code: X1}]\n"
MAPPING = """title: 病人
version: 3
source: {format: csv, file: "patients.csv", encoding: utf-8, columns: [ID, XM]}
record: {key: [ID], main: [name]}
values: {name: XM | name}
resources:
  - type: Patient
    key: "{ID}"
    content: {name: [{text: "{name}"}]}
"""
HOSPITAL = Principal("hospital", "key", "h", scopes=("system/*.cruds",))
OFFICE = Principal("office", "key", "o", scopes=("system/*.rs", "system/Quarantine.ruds"))
READER = Principal("reader", "key", "o", scopes=("system/Quarantine.rs",))


class Place:
    """A store with one stored and one quarantined record, and its mappings."""

    def __init__(self, folder: Path) -> None:
        (folder / "mappings" / "s").mkdir(parents=True)
        (folder / "s").mkdir()
        (folder / "mappings" / "s" / "source.yaml").write_text(SOURCE, "utf-8")
        self.mapping = folder / "mappings" / "s" / "patients.yaml"
        self.mapping.write_text(MAPPING, "utf-8")
        (folder / "s" / "patients.csv").write_text("ID,XM\n1,张三\n2,????\n", "utf-8")
        self.folder = folder
        self.settings = Settings(store=store_at(folder / "store.sqlite"), mappings=[folder / "mappings"])

    def in_world(self, work: Any) -> Any:
        async def opened() -> Any:
            async with open_world(self.settings) as world:
                return await work(world)

        return asyncio.run(opened())

    def take(self) -> dict[str, int]:
        async def taken(opened: Any) -> dict[str, int]:
            async def write(interactions: Any) -> list[Answer]:
                return [await opened.perform(one) for one in interactions]

            inputs = discover([self.folder / "s"], load(self.folder / "mappings"))
            total = (await run(inputs, Desk(opened.store.intake, write))).total()
            return {name: count for name, count in total.items() if count}

        return self.in_world(taken)  # type: ignore[no-any-return]

    def ask(self, operation: str, *query: tuple[str, str], who: Principal = LOCAL, **given: Any) -> list[Any]:
        kind = {"operation": operation, "query": query, "principal": who, "http_method": "POST"}
        answer = self.in_world(lambda opened: opened.perform(Interaction("operation", **kind, **given)))
        return answer.body.get("parameter", [])  # type: ignore[no-any-return]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place after its first intake."""
    made = Place(tmp_path)
    assert made.take() == {"read": 2, "stored": 1, "quarantined": 1}
    return made


def part(parts: list[Any], name: str) -> Any:
    found = next(one for one in parts if one["name"] == name)
    return next((value for key, value in found.items() if key.startswith("value")), None)


def test_the_list_shows_keys_and_codes_the_record_its_bytes(place: Place) -> None:
    """No value in the list; raw bytes, mapping version and file digest in the record."""
    (one,) = place.ask("$quarantine")
    assert "????" not in str(one)
    assert (part(one["part"], "key"), part(one["part"], "mapping-version")) == ("ID=2", "3")
    (shown,) = place.ask("$quarantine-record", ("id", str(part(one["part"], "id"))))
    assert b"????" in base64.b64decode(part(shown["part"], "raw"))
    assert part(shown["part"], "file-digest").startswith("sha256:")


def test_only_its_own_scope_opens_it(place: Place) -> None:
    """system/*.cruds of a key does not; letters count."""
    with pytest.raises(FhirError, match=r"system/Quarantine\.s"):
        place.ask("$quarantine", who=HOSPITAL)
    assert len(place.ask("$quarantine", who=OFFICE)) == 1
    with pytest.raises(FhirError, match=r"system/Quarantine\.d"):
        place.ask("$quarantine-discard", ("id", "1"), ("reason", "x"), who=READER)


def test_a_replay_after_a_mended_mapping_clears_it(place: Place) -> None:
    """And the file that is taken in once more says unchanged."""
    place.mapping.write_text(MAPPING.replace("XM | name", "XM | upper"), "utf-8")
    assert part(place.ask("$quarantine-replay"), "stored") == 1
    assert place.ask("$quarantine") == []
    assert place.take() == {"read": 2, "unchanged": 2}


def test_a_discarded_record_is_remembered_and_stays_away(place: Place) -> None:
    """Who, when and why; the same record is rejected from then on."""
    (one,) = place.ask("$quarantine")
    number = str(part(one["part"], "id"))
    with pytest.raises(FhirError, match="reason"):
        place.ask("$quarantine-discard", ("id", number), who=OFFICE)
    place.ask("$quarantine-discard", ("id", number), ("reason", "test record"), who=OFFICE)
    with pytest.raises(FhirError, match="in quarantine"):
        place.ask("$quarantine-record", ("id", number))
    assert place.take() == {"read": 2, "unchanged": 1, "rejected": 1}
    assert place.ask("$quarantine") == []
    digest = Record(2, {"ID": "2", "XM": "????"}).digest()
    rows = place.in_world(lambda opened: opened.store.intake.latest(discarded_in("s/patients"), [digest]))
    note = rows[digest].issues[-1]
    assert (note["by"], note["diagnostics"]) == ("office", "test record")
    assert rows[digest].recorded > 0


def test_a_record_is_converted_without_being_stored(place: Place) -> None:
    """JSON by columns, or a piece of the file; issues by code and column."""

    def convert(record: dict[str, Any]) -> list[Any]:
        sent = [{"name": "mapping", "valueString": "s/patients"}, {"name": "record", **record}]
        return place.ask("$convert-record", body={"resourceType": "Parameters", "parameter": sent})

    piece = base64.b64encode("ID,XM\n7,李 四\n".encode()).decode()
    binary = {"resourceType": "Binary", "contentType": "text/csv", "data": piece}
    for record in ({"valueString": '{"ID": "7", "XM": "李 四"}'}, {"resource": binary}):
        told = convert(record)
        assert told[0]["resource"]["entry"][0]["resource"]["name"] == [{"text": "李四"}]
        assert told[1]["resource"]["issue"][0]["diagnostics"] == "ID=7: mapped"
    told = convert({"valueString": '[{"ID": "8", "XM": "????"}]'})
    assert "entry" not in told[0]["resource"]
    assert told[1]["resource"]["issue"][1]["details"] == {"text": "M29"}
    assert "????" not in str(told[1])
    assert place.take() == {"read": 2, "unchanged": 1, "quarantined": 1}


def test_a_json_file_is_converted_as_the_file_that_it_is(place: Place) -> None:
    """Where the mapping reads JSON files: the list in it, or the resource; an object by columns stays one."""
    listed = MAPPING.replace("format: csv", "format: json").replace("patients.csv", "x.json")
    (place.folder / "mappings" / "s" / "listed.yaml").write_text(
        listed.replace("encoding: utf-8", "record: rows"), "utf-8"
    )
    for text in ('{"rows": [{"ID": "7", "XM": "李 四"}]}', '{"ID": "7", "XM": "李 四"}'):
        sent = [{"name": "mapping", "valueString": "s/listed"}, {"name": "record", "valueString": text}]
        told = place.ask("$convert-record", body={"resourceType": "Parameters", "parameter": sent})
        assert told[1]["resource"]["issue"][0]["diagnostics"] == "ID=7: mapped"


def test_a_resource_tells_where_it_comes_from(place: Place) -> None:
    """Record, file, mapping version and institution, also of the version before."""
    (place.folder / "s" / "patients.csv").write_text("ID,XM\n1,张三丰\n", "utf-8")
    place.mapping.write_text(MAPPING.replace("version: 3", "version: 4"), "utf-8")
    place.take()
    search = Interaction("search-type", "Patient", query=(("name", "张三丰"),))
    found = json.loads(place.in_world(lambda opened: opened.perform(search)).body)
    told = place.ask("$lineage", resource_type="Patient", logical_id=found["entry"][0]["resource"]["id"])
    assert [part(one["part"], "mapping-version") for one in told] == ["4", "3"]
    first = told[0]["part"]
    assert part(first, "record") == "s/patients?ID=1"
    assert part(first, "file") == "s/patients.csv"
    assert part(first, "activity") == "UPDATE"
    assert part(first, "institution")["reference"].startswith("Organization/")
    assert {part(one["part"], "file-digest")[:7] for one in told} == {"sha256:"}
