"""How well persons are linked: an export with a truth file is taken in, and the links that are then served are compared
with what is true, pair by pair and person by person."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from countyfhir import shipped
from countyfhir.app import Opened, open_world
from countyfhir.exchange import Answer, Interaction
from countyfhir.intake import Desk, discover, run
from countyfhir.mapping import load as load_mappings
from countyfhir.model import json as fhir_json
from countyfhir.search.query import Query, Sort
from countyfhir.settings import load

Record = tuple[str, str]
"""File and key of a source record, as the truth file names it."""
LEAST_RECALL = 0.98


@dataclass(frozen=True, slots=True)
class Served:
    """Patient -> number of its group; (system, value) -> Patient."""

    groups: dict[str, int]
    holders: dict[tuple[str, str], str]


@dataclass(slots=True)
class Figures:
    """Pairs of records that stand for a person: of one person and linked, linked at all, of one person at all; persons
    whose records are all together and alone; pairs that must never be linked and are."""

    right: int = 0
    linked: int = 0
    true: int = 0
    persons: int = 0
    whole: int = 0
    forbidden: list[Any] = field(default_factory=list)
    unknown: list[Record] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Linked pairs that are right / linked pairs; 1 when nothing was linked."""
        return self.right / self.linked if self.linked else 1.0

    @property
    def recall(self) -> float:
        """Linked pairs that are right / pairs of one person."""
        return self.right / self.true if self.true else 1.0


def main() -> int:
    """Take in, compare, print; 1 when a pair is wrong or recall is below 98 %."""
    parser = argparse.ArgumentParser(prog="bench/persons", description=__doc__)
    parser.add_argument("truth", type=Path, help="truth.json; the export lies beside it")
    parser.add_argument("--export", type=Path, help="folder of the export; unset: that of the truth file")
    parser.add_argument("--store", help="take in here (sqlite:PATH or mongodb://…); unset: a temporary SQLite file")
    parser.add_argument("--report", type=Path, help="the export was taken into --store already; this is its report")
    asked = parser.parse_args()
    truth = json.loads(asked.truth.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        store = asked.store or f"sqlite:{folder}/persons.sqlite"
        figures = asyncio.run(measured(truth, asked.export or asked.truth.parent, store, asked.report))
    told(figures)
    return 0 if figures.precision == 1 and figures.recall >= LEAST_RECALL and not figures.forbidden else 1


async def measured(truth: Mapping[str, Any], export: Path, store: str, report: Path | None) -> Figures:
    """The figures of a store, after the intake where there is no report of one."""
    async with open_world(load({"store": store, "load_definitions": "off", "audit": "off"})) as opened:
        records = reported(report) if report else await taken_in(export, opened)
        return compared(truth, records, await served(opened))


def reported(report: Path) -> dict[Record, str]:
    """Record -> Patient, from the report of an intake."""
    lines = (json.loads(line) for line in report.read_text("utf-8").splitlines())
    return patients((line["file"], line["key"], line["resources"]) for line in lines)


async def taken_in(export: Path, opened: Opened) -> dict[Record, str]:
    """The same, taken in now."""
    outcomes: list[Any] = []

    async def write(interactions: Sequence[Interaction]) -> list[Answer]:
        return [await opened.perform(interaction) for interaction in interactions]

    sources = load_mappings(shipped.folder("mappings"))
    folders = [one for one in sorted(export.iterdir()) if one.is_dir()]
    started, spent = time.monotonic(), time.process_time()
    await run(discover(folders, sources), Desk(opened.store.intake, write, outcome=outcomes.append))
    print(f"taken in: {time.monotonic() - started:.0f} s ({time.process_time() - spent:.0f} s CPU)")
    return patients((one.file, one.key, one.resources) for one in outcomes)


def patients(outcomes: Iterable[tuple[str, str, Sequence[str]]]) -> dict[Record, str]:
    """Record -> Patient; a sheet of a workbook is part of the key, as in the truth file."""
    found = {}
    for file, key, resources in outcomes:
        name, _, sheet = file.partition("!")
        for reference in resources:
            if reference.startswith("Patient/"):
                found[name, f"{sheet}!{key}" if sheet else key] = reference
                break
    return found


async def served(opened: Opened) -> Served:
    """The groups, by nothing but the ``Patient.link`` that is served, and who holds which identifier."""
    of: dict[str, str] = {}
    holders: dict[tuple[str, str], str] = {}

    def root(one: str) -> str:
        while of.setdefault(one, one) != one:
            one = of[one]
        return one

    query = Query(("Patient",), (), (Sort("_id", "token"),), count=500)
    while True:
        page = await opened.store.resources.search(query)
        for one in page.matches:
            assert one.body is not None
            own, resource = root(f"Patient/{one.logical_id}"), fhir_json.parse(one.body)
            for link in resource.get("link", ()):
                of[root(link["other"]["reference"])] = own
            for each in resource.get("identifier", ()):
                holders[each["system"], each["value"]] = f"Patient/{one.logical_id}"
        if page.cursor is None:
            break
        query = replace(query, cursor=page.cursor)
    numbers = {name: number for number, name in enumerate(sorted({root(one) for one in of}))}
    return Served({one: numbers[root(one)] for one in of}, holders)


def by_numbers(truth: Mapping[str, Any], records: Mapping[Record, str], now: Served) -> dict[Record, str]:
    """The Patients of records that became none of their own (an older version that came later): those with the same
    number under a system that other records of that place use."""
    systems: dict[Any, set[str]] = defaultdict(set)
    numbers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (system, value), patient in now.holders.items():
        numbers[patient, value].add(system)
    for one in truth["identities"]:
        patient = records.get((one["file"], one["key"]))
        for each in one["identifiers"]:
            systems[_place(one)] |= numbers.get((patient or "", each["value"]), set())
    found = {}
    for one in truth["identities"]:
        for each in one["identifiers"]:
            for system in systems[_place(one)]:
                if (system, each["value"]) in now.holders:
                    found[one["file"], one["key"]] = now.holders[system, each["value"]]
    return found


def compared(truth: Mapping[str, Any], records: Mapping[Record, str], now: Served) -> Figures:
    """The figures of what is served."""
    figures, groups = Figures(), now.groups
    others = by_numbers(truth, records, now)
    persons: dict[str, list[int]] = defaultdict(list)
    found: dict[Record, int] = {}
    for one in truth["identities"]:
        record = (one["file"], one["key"])
        patient = records.get(record) or others.get(record)
        if patient is None or patient not in groups:
            figures.unknown.append(record)
            continue
        found[record] = groups[patient]
        persons[one["person"]].append(groups[patient])
    _count(persons, figures)
    for rule in truth.get("never_link_records", ()):
        a, b = (found.get((rule[side][0], rule[side][1])) for side in "ab")
        if a is not None and a == b:
            figures.forbidden.append(rule)
    return figures


def _place(identity: Mapping[str, Any]) -> Any:
    """Where an identity's numbers are unique: its assigner, or its folder."""
    return identity["identifiers"][0]["assigner"] or identity["file"].partition("/")[0]


def _count(persons: Mapping[str, Sequence[int]], figures: Figures) -> None:
    size: dict[int, int] = defaultdict(int)
    for numbers in persons.values():
        figures.right += sum(a == b for a, b in combinations(numbers, 2))
        figures.true += len(numbers) * (len(numbers) - 1) // 2
        for number in numbers:
            size[number] += 1
    figures.linked = sum(count * (count - 1) // 2 for count in size.values())
    figures.persons = len(persons)
    figures.whole = sum(len(set(numbers)) == 1 and size[numbers[0]] == len(numbers) for numbers in persons.values())


def told(figures: Figures) -> None:
    """The figures in words."""
    print(f"pairs of records of one person: {figures.true}; linked: {figures.linked}; rightly: {figures.right}")
    print(f"precision {figures.precision:.2%}, recall {figures.recall:.2%}")
    print(f"persons with all of their records together and nobody else's: {figures.whole} of {figures.persons}")
    print(f"pairs that must never be linked and are: {len(figures.forbidden)}")
    if figures.unknown:
        print(f"records that became no Patient: {len(figures.unknown)}")


if __name__ == "__main__":
    sys.exit(main())
