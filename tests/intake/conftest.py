"""A real world on a real embedded store, and a source that a test writes itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from countyfhir.app import open_world
from countyfhir.exchange import Answer, Interaction
from countyfhir.intake import Desk, RecordOutcome, Report, discover, replay, run
from countyfhir.mapping import load
from countyfhir.settings import Settings
from tests.stores import store_at

SOURCE = "title: 测试\ninstitution: 县医院\ninstitutions: [{name: 县医院, code: X1}]\n"
MAPPING = """title: 病人
version: 1
source: {format: csv, file: "patients*.csv", encoding: utf-8, columns: [ID, XM, GM, DH, T]}
record: {key: [ID], version: T | date_time, main: [name]}
values:
  name: XM | name
  allergy_list: GM | allergies
  phone: DH | phone
resources:
  - type: Patient
    key: "{ID}"
    content: {name: [{text: "{name}"}], telecom: ["{phone}"]}
  - type: AllergyIntolerance
    each: one in allergy_list
    key: "{ID}/{position}"
    content:
      clinicalStatus:
        coding: [{system: "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", code: active}]
      code: {text: "{one.text}"}
      patient: {ref: Patient, key: "{ID}"}
"""


@dataclass
class Bench:
    """A folder with a source ``s`` and its files, a store beside it, and what the intake said record by record."""

    folder: Path
    outcomes: list[RecordOutcome] = field(default_factory=list)
    refuse: Callable[[Interaction], None] = lambda interaction: None

    def file(self, name: str, text: str | bytes) -> Path:
        path = self.folder / "s" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def mapping(self, text: str = MAPPING) -> None:
        folder = self.folder / "mappings" / "s"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "source.yaml").write_text(SOURCE, "utf-8")
        (folder / "patients.yaml").write_text(text, "utf-8")

    def perform(self, work: Callable[[Any, Desk], Any]) -> Any:
        async def performed() -> Any:
            settings = Settings(store=store_at(self.folder / "store.sqlite"))
            async with open_world(settings) as world:

                async def write(interactions: Sequence[Interaction]) -> list[Answer]:
                    for interaction in interactions:
                        self.refuse(interaction)
                    return [await world.perform(interaction) for interaction in interactions]

                desk = Desk(world.store.intake, write, outcome=self.outcomes.append, batch=4)
                return await work(world, desk)

        return asyncio.run(performed())

    def take(self, *paths: Path) -> Report:
        sources = load(self.folder / "mappings")
        self.outcomes.clear()
        inputs = discover(paths or [self.folder / "s"], sources, {"s": self.folder / "s"})
        report: Report = self.perform(lambda world, desk: run(inputs, desk))
        return report

    def take_again(self) -> Report:
        sources = load(self.folder / "mappings")
        report: Report = self.perform(lambda world, desk: replay(sources, desk, {"s": self.folder / "s"}))
        return report

    def read(self, query: str) -> list[dict[str, Any]]:
        """The resources that a search finds."""
        from urllib.parse import parse_qsl

        from countyfhir.exchange import SYSTEM
        from countyfhir.model import json

        resource_type, _, criteria = query.partition("?")
        pairs = (*parse_qsl(criteria), ("_count", "1000"))
        interaction = Interaction("search-type", resource_type, query=pairs, principal=SYSTEM)

        async def search(world: Any, desk: Desk) -> Any:
            return await world.perform(interaction)

        answer = self.perform(search)
        bundle = json.parse(answer.body) if isinstance(answer.body, bytes) else answer.body
        return [entry["resource"] for entry in bundle.get("entry", [])]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A bench with the mapping of patients."""
    made = Bench(tmp_path)
    made.mapping()
    return made
