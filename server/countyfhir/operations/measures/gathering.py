"""All data that a Measure asks for, from one state of the record, dealt out to the persons or events that are counted
(docs/indicators.md, "How it is evaluated")."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from countyfhir.exchange import Grant
from countyfhir.interactions.world import World
from countyfhir.operations.measures import counted_persons
from countyfhir.operations.measures.counted_persons import Circles
from countyfhir.operations.measures.definition import FHIRPATH, QUERY, Criterion, Definition
from countyfhir.operations.measures.queries import Asked, asked
from countyfhir.operations.measures.reading import shape, words
from countyfhir.outcome import FhirError
from countyfhir.search.query import Missing, Query
from countyfhir.store.ports import Gathering, ResourceStore, Row

SAME_EVENT = "same-event"
_NAMED = re.compile(r"%`?([\w-]+)`?")
_PERSONAL = frozenset({"patient", "records"})
Resource = dict[str, Any]


@dataclass(slots=True)
class Found:
    """What was gathered. ``sets`` are the keys that a query finds, in order; ``dealt`` the resources of named data
    by the key they belong to, ``shared`` those that belong to nobody in particular. A key is that of a person or an
    event, whichever is counted; ``focus`` is its resource (none where no expression looks at it), ``person_of`` the
    person of an event, ``records`` the Patients of a person, ``name_of`` the logical id that stands for a key."""

    as_of: int
    basis: str
    persons: Circles
    events: Circles
    sets: dict[str, list[str]] = field(default_factory=dict)
    dealt: dict[str, dict[str, list[Resource]]] = field(default_factory=dict)
    shared: dict[str, list[Resource]] = field(default_factory=dict)
    focus: dict[str, Resource] = field(default_factory=dict)
    records: dict[str, list[Resource]] = field(default_factory=dict)
    person_of: dict[str, str] = field(default_factory=dict)
    name_of: dict[str, str] = field(default_factory=dict)

    def key_of(self, resource_type: str, logical_id: str) -> str | None:
        """The key of a counted resource; None for one of another type."""
        if resource_type != self.basis:
            return None
        return self.persons.of(logical_id) if self.basis == "Patient" else self.events.of(logical_id)


async def gather(
    definition: Definition, used: Iterable[Criterion], variables: Mapping[str, Any], world: World, grant: Grant
) -> Found:
    """The data that the ``used`` criteria need, and no more. ``variables`` are what queries may name."""
    used = list(used)
    data = needed_data(definition, used)
    expressions = [one.expression for one in (*used, *data.values()) if one.language == FHIRPATH]
    wanted = _Wanted(definition, expressions, world, grant, variables)
    for name, criterion in data.items():
        if criterion.language == QUERY:
            wanted.of_data(name, criterion)
    for criterion in used:
        if criterion.language == QUERY:
            wanted.of_criterion(criterion)
    return await wanted.found(world.store.resources)


def needed_data(definition: Definition, used: Iterable[Criterion]) -> dict[str, Criterion]:
    """The named data that the criteria name, directly or through other data; all that belongs to nobody where a
    reference is resolved."""
    texts = [one.expression for one in used]
    names: set[str] = set()
    for name, criterion in reversed(definition.data):
        resolving = any("resolve()" in text for text in texts) and "%context" not in criterion.expression
        if resolving or any(name in _NAMED.findall(text) for text in texts):
            names.add(name)
            texts.append(criterion.expression)
    return {name: criterion for name, criterion in definition.data if name in names}


class _Wanted:
    """The questions to the store, and what to do with each answer."""

    def __init__(
        self,
        definition: Definition,
        expressions: list[str],
        world: World,
        grant: Grant,
        variables: Mapping[str, Any],
    ) -> None:
        self.basis, self.words, self.grant = definition.basis, words(expressions), grant
        self.looks = bool(expressions)
        self.initial = {one.populations["initial-population"].criterion.expression for one in definition.groups}
        self.personal = bool(_PERSONAL & {name for text in expressions for name in _NAMED.findall(text)})
        self.data: dict[str, Asked] = {}
        self.criteria: dict[str, Asked] = {}
        self._variables, self._world = variables, world
        self._knows_same_event = SAME_EVENT in world.search.parameters.of(self.basis)

    def of_data(self, name: str, criterion: Criterion) -> None:
        """Named data, with bodies."""
        self.data[name] = asked(criterion, self._variables, self._world, self.grant)

    def of_criterion(self, criterion: Criterion) -> None:
        """A population: which persons or events are in it."""
        read = self.criteria[criterion.expression] = asked(criterion, self._variables, self._world, self.grant)
        about = self._world.definitions.compartments["Patient"]
        if (
            read.towards is None
            and read.resource_type != self.basis
            and (self.basis != "Patient" or not about.get(read.resource_type))
        ):
            text = f"A {read.resource_type} leads to no {self.basis} by itself: say by which parameter, "
            text += "with {{%context.id}}."
            raise FhirError("invalid", text, status=422, expression=criterion.place)

    def _shaped(self, resource_type: str) -> Any:
        return shape(resource_type, self.words)

    def _gatherings(self) -> list[Gathering]:
        patients = self.looks and (self.basis == "Patient" or self.personal)
        seen = Gathering(Query(("Patient",)), shape=self._shaped("Patient") if patients else None, grant=self.grant)
        listed = [*counted_persons.GATHERINGS, seen]
        if self._knows_same_event:
            listed.append(Gathering(Query((self.basis,), ((Missing(SAME_EVENT, False),),)), towards=SAME_EVENT))
        listed += [self._gathering(one, self._shaped(one.resource_type)) for one in self.data.values()]
        for expression, each in self.criteria.items():
            looked_at = self.looks and self.basis != "Patient" and expression in self.initial
            listed.append(self._gathering(each, self._shaped(self.basis) if looked_at else None))
        return listed

    def _gathering(self, one: Asked, shaped: Any) -> Gathering:
        return Gathering(one.query, None if one.towards == "_id" else one.towards, shaped, self.grant)

    async def found(self, store: ResourceStore) -> Found:
        """Everything, from one state of the store."""
        answered = await store.gather(self._gatherings())
        return await asyncio.to_thread(self._dealt, answered.as_of, list(answered.answers))

    def _dealt(self, as_of: int, answers: list[list[Row]]) -> Found:
        rest = iter(answers)
        persons = counted_persons.circles([next(rest) for _ in counted_persons.GATHERINGS])
        seen = next(rest)
        found = Found(as_of, self.basis, persons, _events(next(rest) if self._knows_same_event else []))
        self._patients(found, seen)
        for name, one in self.data.items():
            self._deal(found, name, one, next(rest))
        for expression, one in self.criteria.items():
            found.sets[expression] = self._members(found, one, next(rest))
        return found

    def _patients(self, found: Found, rows: list[Row]) -> None:
        named = counted_persons.shown(found.persons, (row[0] for row in rows))
        bodies = {row[0]: row[3] for row in rows} if rows and rows[0][3] is not None else {}
        records: dict[str, list[Resource]] = defaultdict(list)
        for logical_id, body in bodies.items():
            records[found.persons.of(logical_id)].append(body)
        found.records = records
        if self.basis == "Patient":
            found.name_of = named
            found.focus = {person: bodies[one] for person, one in named.items() if one in bodies}
        else:
            found.name_of |= {f"Patient {person}": one for person, one in named.items()}

    def _deal(self, found: Found, name: str, one: Asked, rows: list[Row]) -> None:
        if one.towards is None:
            found.shared[name] = [row[3] for row in rows]
            return
        dealt: dict[str, list[Resource]] = defaultdict(list)
        for row in rows:
            for key in _keys(found, one, row):
                dealt[key].append(row[3])
        found.dealt[name] = dealt

    def _members(self, found: Found, one: Asked, rows: list[Row]) -> list[str]:
        """The keys of a population, each once, in the order of its query."""
        members: dict[str, None] = {}
        if self.basis == "Patient":
            whole = one if one.towards or one.resource_type != "Patient" else replace(one, towards="_id")
            for row in rows:
                members |= dict.fromkeys(_keys(found, whole, row))
            return list(members)
        for row in rows:
            for key in _keys(found, one if one.towards else replace(one, towards="_id"), row):
                if key not in members:
                    members[key] = None
                    found.name_of.setdefault(key, row[0])
                    if row[3] is not None:
                        found.focus.setdefault(key, row[3])
                    if row[1] is not None:
                        found.person_of.setdefault(key, found.persons.of(row[1]))
        return list(members)


def _keys(found: Found, one: Asked, row: Row) -> Iterable[str]:
    """Whose a match is: its own, those of the resources that it leads to, or of the person that it is about."""
    if one.towards == "_id":
        key = found.key_of(one.resource_type, row[0])
        return () if key is None else (key,)
    if one.towards is None:
        return () if row[1] is None else (found.persons.of(row[1]),)
    leads = (target.partition("/") for target in row[2])
    return dict.fromkeys(key for kind, _, logical_id in leads if (key := found.key_of(kind, logical_id)) is not None)


def _events(rows: list[Row]) -> Circles:
    """Resources that state the same event: they are counted once."""
    found = Circles()
    for logical_id, _, targets, _ in rows:
        for target in targets:
            found.join(logical_id, target.partition("/")[2])
    return found
