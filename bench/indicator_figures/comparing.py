"""Figures of the record beside those expected, and the source records behind them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from bench.indicator_figures.expected import Expected, expected
from countyfhir.exchange import ALL
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.operations.measures.definition import read
from countyfhir.operations.measures.evaluation import Ask, Evaluated, evaluate
from countyfhir.operations.measures.finding import by_id
from countyfhir.operations.measures.period import period_of
from countyfhir.search.query import Query
from countyfhir.store.ports import Gathering

RECORD = "https://fhir.county-hc.example/id/source-record"


@dataclass(slots=True)
class Compared:
    """A figure as it was found, and in which populations the records behind it are others, with some of them."""

    expected: Expected
    above: int
    below: int
    records: dict[str, list[str]] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """Whether the figure is the one expected."""
        below = self.expected.below
        return self.above == self.expected.above and below in (None, self.below)


@dataclass(slots=True)
class Origins:
    """Source records by the resources that were made of them: ``file#key``; and the Patients of each record."""

    of_resource: dict[str, set[tuple[str, str]]]
    patients: dict[tuple[str, str], set[str]]


async def compare(truth: dict[str, Any], world: World, origins: Origins | None = None) -> list[Compared]:
    """Every figure of the truth, computed now; ``origins`` are read from the store where they are not given."""
    origins = origins or await origins_of(world)
    persons = persons_of(truth, origins)
    figures = (without_older(one, truth) for one in expected(truth))
    return [await _compared(one, persons, origins, world) for one in figures]


def without_older(one: Expected, truth: dict[str, Any]) -> Expected:
    """The figure without the records that changed nothing (an older version that came later): nothing is made of
    them that could be shown."""
    marked = [each for each in truth.get("marked_records", ()) if each["outcome"] == "unchanged"]
    older = {f"{each['file']}#{each['key'].rpartition('=')[2]}" for each in marked}
    records = {
        code: {name: [each for each in ids if each not in older] for name, ids in told.items()}
        for code, told in one.records.items()
    }
    return replace(one, records=records)


async def origins_of(world: World) -> Origins:
    """What the Provenances tell of where resources come from."""
    rows = (await world.store.resources.gather([Gathering(Query(("Provenance",)), shape=json.parse)])).answers[0]
    return told_by(row[3] for row in rows)


def told_by(provenances: Iterable[dict[str, Any]]) -> Origins:
    """The origins that Provenances tell."""
    of_resource: dict[str, set[tuple[str, str]]] = defaultdict(set)
    patients: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record, targets in map(_origin, provenances):
        if record is None:
            continue
        for target in targets:
            of_resource[target].add(record)
            if target.startswith("Patient/"):
                patients[record].add(target.partition("/")[2])
    return Origins(of_resource, patients)


def _origin(provenance: dict[str, Any]) -> tuple[tuple[str, str] | None, list[str]]:
    """Source record (file, key) and targets of a Provenance."""
    targets = [one["reference"].split("/_history/")[0] for one in provenance["target"]]
    for entity in provenance.get("entity", ()):
        what = entity["what"]
        if what.get("identifier", {}).get("system") == RECORD:
            file, _, sheet = what["display"].partition(", record ")[0].partition("!")
            key = what["identifier"]["value"].partition("?")[2]
            return (file, f"{sheet}!{key}" if sheet else key), targets
    return None, targets


def persons_of(truth: dict[str, Any], origins: Origins) -> dict[str, str]:
    """Logical id of a Patient -> the person whose record it was made of."""
    found = {}
    for identity in truth["identities"]:
        for patient in origins.patients.get((identity["file"], identity["key"]), ()):
            found[patient] = str(identity["person"])
    return found


async def _compared(one: Expected, persons: dict[str, str], origins: Origins, world: World) -> Compared:
    definition = read(await by_id(one.measure, ALL, world))
    period = period_of(one.start, one.end, world.search.zone)
    evaluated = await evaluate(definition, Ask(period, frozenset(), evidence=True), world, ALL)
    counted = evaluated.groups[0].whole.populations
    made = Compared(one, len(counted["numerator"]), len(counted["denominator"]))
    for code, told in one.records.items():
        found = _found(evaluated, code, one.of_persons, persons, origins)
        different = _different(told, found, one.of_persons)
        if different:
            made.records[code] = different
    return made


def _found(
    evaluated: Evaluated, code: str, of_persons: bool, persons: dict[str, str], origins: Origins
) -> dict[str, set[str]]:
    """Source records of a population, by person or by file: their numbers, and file#number."""
    figures, found = evaluated.groups[0], evaluated.found
    people: dict[str, set[str]] = defaultdict(set)
    for patient, person in persons.items():
        people[found.persons.of(patient)].add(person)
    records: dict[str, set[str]] = {}
    for key in figures.whole.populations[code]:
        behind = [each for one in figures.evidence[code].get(key, ()) for each in origins.of_resource.get(one, ())]
        if of_persons:
            name = "+".join(sorted(people[key])) or f"unknown {key}"
            records[name] = {number for each in behind for number in _numbers(*each)}
            continue
        own = origins.of_resource.get(f"{found.basis}/{found.name_of[key]}", ())
        for file, natural in own:
            records.setdefault(file, set()).update(_numbers(file, natural))
    return records


def _numbers(file: str, natural: str) -> Iterable[str]:
    """A natural key by its last value, alone and with its file."""
    number = natural.rpartition("=")[2]
    return number, f"{file}#{number}"


def _different(told: dict[str, list[str]], found: dict[str, set[str]], of_persons: bool) -> list[str]:
    """Where the told records are not those found: every one told must be there, and no other person or event."""
    missing = [
        f"{name}: {one} is missing" for name, ids in told.items() for one in ids if one not in found.get(name, ())
    ]
    if of_persons:
        return missing + [f"{name} is not expected" for name in found if name not in told]
    extra = [
        f"{file}: {one} is not expected"
        for file, ids in found.items()
        if file in told
        for one in _more(ids, told, file)
    ]
    return missing + extra


def _more(found: set[str], told: dict[str, list[str]], file: str) -> list[str]:
    return sorted(one for one in found if "#" not in one and one not in told[file])
