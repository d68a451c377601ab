"""A Measure's figures: who is in which population, the score, the strata (R4 Measure.group; docs/indicators.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from countyfhir import fhirpath
from countyfhir.exchange import Grant
from countyfhir.fhirpath import FhirPathError, Given, Item
from countyfhir.interactions.world import World
from countyfhir.model.primitives import interval
from countyfhir.operations.measures.definition import FHIRPATH, Criterion, Definition, Group, Stratifier
from countyfhir.operations.measures.gathering import Found, gather
from countyfhir.operations.measures.period import Period
from countyfhir.outcome import FhirError

NOT_STATED = "not stated 未说明"
_MINUTE = 60_000_000


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of a Measure. ``strata``: the codes of the stratifiers wanted, None for all. ``subject``: logical
    ids of the Patients to whom it is restricted. ``evidence``: the resources behind each number, too."""

    period: Period
    strata: frozenset[str] | None = None
    subject: frozenset[str] | None = None
    evidence: bool = False


@dataclass(slots=True)
class Counted:
    """Who is in each population, by code, and the score (None where there is nothing to divide by)."""

    populations: dict[str, list[str]]
    score: Decimal | None = None


@dataclass(slots=True)
class Figures:
    """A group: the whole, the strata (stratifier, values, who), and evidence: population -> key -> references."""

    group: Group
    whole: Counted
    strata: list[tuple[Stratifier, list[tuple[tuple[str, ...], Counted]]]] = field(default_factory=list)
    evidence: dict[str, dict[str, list[str]]] = field(default_factory=dict)


@dataclass(slots=True)
class Evaluated:
    """All groups of a Measure on what was found."""

    definition: Definition
    ask: Ask
    found: Found
    groups: list[Figures]


async def evaluate(definition: Definition, ask: Ask, world: World, grant: Grant) -> Evaluated:
    """The figures of a Measure. FhirError: 422 for criteria that cannot be evaluated, 403 where they reach what is not
    granted."""
    variables = ask.period.variables()
    found = await gather(definition, _used(definition, ask), variables, world, grant)
    members = _Members(definition, found, variables, world)
    groups = [_figures(definition, group, ask, members) for group in definition.groups]
    return Evaluated(definition, ask, found, groups)


def _used(definition: Definition, ask: Ask) -> Iterator[Criterion]:
    for group in definition.groups:
        for population in group.populations.values():
            yield population.criterion
            if ask.evidence and population.evidence:
                yield population.evidence
        for stratifier in _wanted(group, ask):
            yield from (criterion for _, criterion in stratifier.components)


def _wanted(group: Group, ask: Ask) -> list[Stratifier]:
    return [one for one in group.stratifiers if ask.strata is None or one.code in ask.strata]


class _Variables(Mapping[str, Any]):
    """The environment of one member: what was given, its resources, and what expressions make of them when asked."""

    __slots__ = ("_known", "_make", "_names")

    def __init__(self, names: Mapping[str, Callable[[Any], Any]], make: Any, known: dict[str, Any]) -> None:
        self._names, self._make, self._known = names, make, known

    def __contains__(self, name: object) -> bool:
        return name in self._known or name in self._names

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = self._names[name](self._make)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter({*self._known, *self._names})

    def __len__(self) -> int:
        return len({*self._known, *self._names})


class _Members:
    """Expressions on the persons or events that are counted."""

    def __init__(self, definition: Definition, found: Found, variables: Mapping[str, Any], world: World) -> None:
        self.definition, self.found, self._common = definition, found, dict(variables)
        self._zone = world.search.zone
        self._member_of = world.terminology.member
        self._known = {f"{one['resourceType']}/{one['id']}": one for each in found.shared.values() for one in each}
        self._common |= found.shared
        self._names = {name: self._maker(name, each) for name, each in definition.data if name not in found.shared}
        self._names |= {"patient": lambda key: self._records(key)[:1], "records": self._records}
        self._environments: dict[str, Given] = {}

    def _maker(self, name: str, criterion: Criterion) -> Callable[[str], Any]:
        if criterion.language == FHIRPATH:
            return lambda key: self.items(criterion, key)
        dealt = self.found.dealt.get(name, {})
        return lambda key: dealt.get(key, [])

    def _records(self, key: str) -> list[Any]:
        """All Patients of the person, the golden one or the first one in front."""
        found = self.found
        person = key if found.basis == "Patient" else found.person_of.get(key)
        if person is None:
            return []
        named = found.name_of.get(person if found.basis == "Patient" else f"Patient {person}")
        return sorted(found.records.get(person, ()), key=lambda one: one["id"] != named)

    def environment(self, key: str) -> Given:
        """What expressions on the member may lean on."""
        given = self._environments.get(key)
        if given is None:
            variables = _Variables(self._names, key, dict(self._common))
            given = self._environments[key] = Given(resolve=self._known.get, variables=variables)
        return given

    def focus(self, key: str) -> Any:
        """The resource that stands for the member."""
        return self.found.focus.get(key) or {"resourceType": self.found.basis, "id": self.found.name_of.get(key, key)}

    def items(self, criterion: Criterion, key: str) -> list[Item]:
        """What an expression yields."""
        try:
            compiled = fhirpath.compile(criterion.expression, self.found.basis)
            return compiled(self.focus(key), given=self.environment(key))
        except FhirPathError as error:
            raise _failed(criterion, error) from error

    def holds(self, criterion: Criterion, members: list[str]) -> list[str]:
        """Those of the members for which the criterion holds."""
        if criterion.language != FHIRPATH:
            there = set(self.found.sets[criterion.expression])
            return [key for key in members if key in there]
        try:
            compiled = fhirpath.compile(criterion.expression, self.found.basis)
            return [key for key in members if compiled.holds(self.focus(key), given=self.environment(key)) is True]
        except FhirPathError as error:
            raise _failed(criterion, error) from error

    def observed(self, criterion: Criterion, key: str) -> Decimal | None:
        """The number of an observation; of two instants, the minutes between them."""
        values = [item.value for item in self.items(criterion, key)]
        if len(values) == 2 and all(isinstance(one, str) for one in values):
            start, end = (interval(one, self._zone)[0] for one in values)
            return Decimal(end - start) / _MINUTE
        if len(values) == 1 and isinstance(values[0], (int, Decimal)) and not isinstance(values[0], bool):
            return Decimal(values[0])
        return None

    def restricted(self, members: list[str], subject: frozenset[str] | None) -> list[str]:
        """Those that are, or concern, the subject."""
        if subject is None:
            return members
        persons = {self.found.persons.of(one) for one in subject}
        whose = self.found.person_of if self.found.basis != "Patient" else {key: key for key in members}
        return [key for key in members if whose.get(key) in persons]


def _failed(criterion: Criterion, error: FhirPathError) -> FhirError:
    text = f"The criteria cannot be evaluated: {error}"
    return FhirError("invalid", text, status=422, expression=criterion.place)


def _figures(definition: Definition, group: Group, ask: Ask, members: _Members) -> Figures:
    first = group.populations["initial-population"].criterion
    if first.language == FHIRPATH:
        start = list(members.found.focus)
        initial = members.holds(first, start) if start else []
    else:
        initial = members.found.sets[first.expression]
    initial = members.restricted(initial, ask.subject)
    counted = {"initial-population": initial}
    for code, population in group.populations.items():
        if code not in counted and code != "measure-observation":
            counted[code] = members.holds(population.criterion, initial)
    whole = _nested(definition.scoring, counted)
    figures = Figures(group, _scored(definition, group, whole, members))
    for stratifier in _wanted(group, ask):
        figures.strata.append((stratifier, _strata(definition, group, stratifier, whole, members)))
    if ask.evidence:
        figures.evidence = _evidence(group, whole, members)
    return figures


def _nested(scoring: str, counted: dict[str, list[str]]) -> dict[str, list[str]]:
    """Populations inside one another: a proportion counts its numerator among its denominator, and nobody that is
    excluded."""
    whole = dict(counted)
    if scoring == "continuous-variable":
        measured = whole.get("measure-population", whole["initial-population"])
        whole["measure-population"] = _without(measured, whole.get("measure-population-exclusion"))
    if scoring in ("proportion", "ratio"):
        whole.setdefault("denominator", whole["initial-population"])
        if scoring == "proportion":
            kept = set(_without(whole["denominator"], whole.get("denominator-exclusion")))
            whole["numerator"] = [key for key in whole.get("numerator", ()) if key in kept]
        whole["numerator"] = _without(whole.get("numerator", []), whole.get("numerator-exclusion"))
    return whole


def _without(members: list[str], excluded: list[str] | None) -> list[str]:
    if not excluded:
        return members
    away = set(excluded)
    return [key for key in members if key not in away]


def _scored(definition: Definition, group: Group, counted: dict[str, list[str]], members: _Members) -> Counted:
    if definition.scoring == "cohort":
        return Counted(counted)
    if definition.scoring == "continuous-variable":
        return Counted(counted, _average(group, counted["measure-population"], members))
    below = set(_without(counted["denominator"], counted.get("denominator-exclusion")))
    above = counted["numerator"]
    if definition.scoring == "proportion" and "denominator-exception" in counted:
        below -= set(counted["denominator-exception"]) - set(above)
    return Counted(counted, Decimal(len(above)) / len(below) if below else None)


def _average(group: Group, measured: list[str], members: _Members) -> Decimal | None:
    observation = group.populations.get("measure-observation")
    if observation is None:
        return None
    numbers = [found for key in measured if (found := members.observed(observation.criterion, key)) is not None]
    return sum(numbers, Decimal(0)) / len(numbers) if numbers else None


def _strata(
    definition: Definition, group: Group, stratifier: Stratifier, whole: dict[str, list[str]], members: _Members
) -> list[tuple[tuple[str, ...], Counted]]:
    """Members by the values of the stratifier; one with several values is counted in each of these strata."""
    of_key = {key: _values(stratifier, key, members) for key in whole["initial-population"]}
    found: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for code, keys in whole.items():
        for key in keys:
            for values in of_key[key]:
                found.setdefault(values, {name: [] for name in whole})[code].append(key)
    return [(values, _scored(definition, group, found[values], members)) for values in sorted(found)]


def _values(stratifier: Stratifier, key: str, members: _Members) -> list[tuple[str, ...]]:
    combined: list[tuple[str, ...]] = [()]
    for _, criterion in stratifier.components:
        texts = dict.fromkeys(str(item.value) for item in members.items(criterion, key) if item.value is not None)
        combined = [(*before, text) for before in combined for text in (texts or (NOT_STATED,))]
    return combined


def _evidence(group: Group, whole: dict[str, list[str]], members: _Members) -> dict[str, dict[str, list[str]]]:
    """The resources on which each member of a population rests."""
    found: dict[str, dict[str, list[str]]] = {}
    for code, keys in whole.items():
        population = group.populations.get(code)
        if population is not None and population.evidence is not None:
            items = {key: members.items(population.evidence, key) for key in keys}
            found[code] = {key: list(dict.fromkeys(_references(each))) for key, each in items.items()}
    return found


def _references(items: Iterable[Item]) -> Iterator[str]:
    for item in items:
        if isinstance(item.value, dict) and "resourceType" in item.value:
            yield f"{item.value['resourceType']}/{item.value['id']}"
