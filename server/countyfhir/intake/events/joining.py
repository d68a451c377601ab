"""The events of one record: joined with what other channels already state, or standing alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from countyfhir.exchange import SYSTEM, Interaction, SourceRecord
from countyfhir.identity.golden_ids import is_golden
from countyfhir.intake.desk import Desk
from countyfhir.intake.events.index import ALIASES, KEYS, PERSONS, STATEMENTS, WAITING, Index
from countyfhir.intake.events.merging import merged
from countyfhir.intake.events.statement import (
    Statement,
    common_number,
    contradict,
    keys,
    same_person,
    told_apart,
    two_numbers,
)
from countyfhir.intake.events.statement import statement as stated
from countyfhir.intake.events.telling import joinable
from countyfhir.intake.ledger import Decision
from countyfhir.mapping import MappedRecord
from countyfhir.mapping.event import Event
from countyfhir.model import json

Resource = dict[str, Any]

REFERRERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Encounter": (
        *(("Observation", "encounter"), ("Condition", "encounter"), ("Procedure", "encounter")),
        *(("DiagnosticReport", "encounter"), ("MedicationRequest", "encounter"), ("ServiceRequest", "encounter")),
        *(("Composition", "encounter"), ("DocumentReference", "encounter"), ("CarePlan", "encounter")),
        *(("Encounter", "part-of"), ("Provenance", "target")),
    ),
    "Observation": (
        *(("DiagnosticReport", "result"), ("Observation", "has-member"), ("Observation", "derived-from")),
        *(("Composition", "entry"), ("Provenance", "target")),
    ),
    "DiagnosticReport": (("Composition", "entry"), ("DocumentReference", "related"), ("Provenance", "target")),
    "Condition": (("Composition", "entry"), ("Encounter", "diagnosis"), ("Provenance", "target")),
}
"""Where references to a resource of the type may stand: type and search parameter."""


async def nothing() -> None:
    """Nothing waits to be written."""


SAME_EVENT = "https://fhir.county-hc.example/StructureDefinition/same-event"
"""Extension: the resource that states the same event with another value; the two are counted once."""


@dataclass(slots=True)
class Joining:
    """What became of the events of one record: where its references lead, what is written beside or instead of its own
    resources, what goes, and the rows of the ledger. ``like`` is a row of the record; ``settle`` writes what waits, so
    that stored references can be looked for. ``waiting``: Patients that would have to be one person for events to be
    one."""

    like: SourceRecord
    index: Index
    desk: Desk
    settle: Callable[[], Awaitable[None]] = nothing
    names: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, Resource] = field(default_factory=dict)
    changed: list[Resource] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    rows: list[SourceRecord] = field(default_factory=list)
    restated: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)


async def foresee(mapped: Iterable[MappedRecord], index: Index) -> None:
    """Reads at once what the events of a batch will ask for."""
    made = [one for one in mapped if one.outcome == "mapped"]
    events = [event for one in made for event in one.events]
    references = {reference for one in made for reference in one.mentions}
    await index.fetch(ALIASES, {*references, *(event.reference for event in events)})
    patients = {f"Patient/{one['id']}" for each in made for one in each.resources if one["resourceType"] == "Patient"}
    await index.fetch(PERSONS, {*patients, *(event.subject for event in events if event.subject)})
    await index.fetch(WAITING, patients)
    found = [key for event in events for key in keys(event, event.within)]
    await index.fetch(KEYS, found)
    standing = {reference for key in found for reference in await index.references(KEYS, [key])}
    await index.fetch(STATEMENTS, {*standing, *(event.reference for event in events)})


async def known_names(index: Index, made: MappedRecord) -> dict[str, str]:
    """Where the references of a record lead that other records' events already stand for."""
    return await names_of({*made.mentions, *(event.reference for event in made.events)}, index)


async def names_of(found: Collection[str], index: Index) -> dict[str, str]:
    """Where references lead, as far as they lead elsewhere."""
    if not found:
        return {}
    await index.fetch(ALIASES, found)
    return {one: standing for one in found if (standing := await index.standing(one)) != one}


def renamed(node: Any, names: Mapping[str, str]) -> Any:
    """The resource with references that lead to the standing resources: a copy where there are any."""
    return renamed_copy(node, names) if names else node


def renamed_copy(node: Any, names: Mapping[str, str]) -> Any:
    """A copy, whether or not something in it is renamed."""
    if isinstance(node, dict):
        made = {name: renamed_copy(part, names) for name, part in node.items()}
        reference = made.get("reference")
        if isinstance(reference, str) and reference in names:
            made["reference"] = names[reference]
        return made
    return [renamed_copy(part, names) for part in node] if isinstance(node, list) else node


async def join(made: MappedRecord, decision: Decision, joining: Joining) -> None:
    """Joins the events of a record that is to be stored, and takes back what it no longer states."""
    record = f"{joining.like.source}?{made.subject or made.key}"
    resources = {f"{one['resourceType']}/{one['id']}": one for one in made.resources}
    await persons_known(made, joining)
    for event in made.events:
        await join_one(event, renamed(resources[event.reference], joining.names), record, joining)
    for reference in decision.withdraw:
        await take_back(reference, record, joining)
    await rejoin_waiting([one for one, each in resources.items() if each["resourceType"] == "Patient"], joining)


async def persons_known(made: MappedRecord, joining: Joining) -> None:
    """Notes what tells the persons of the record apart. A stub adds to what is known, a record of its own replaces
    it."""
    for reference, evidence in made.persons.items():
        before = frozenset(await joining.index.references(PERSONS, [reference]))
        found = evidence | (before if reference in made.stubs else frozenset())
        if found != before:
            joining.rows.append(joining.index.put(joining.like, PERSONS, reference, sorted(found)))


async def join_one(event: Event, body: Resource, record: str, joining: Joining) -> None:
    """One event: it keeps the resource it has, takes the place of one that stands for it, or stands alone."""
    own = event.reference
    mine = stated(event, body, record, joining.like.source.partition("/")[0])
    within = joining.names.get(event.within, event.within) if event.within else None
    found = keys(event, within)
    standing = joining.names.get(own, own)
    others = [one for one in await joining.index.statements(standing) if one.own != own]
    if not others:
        standing = await candidate(mine, found, own, joining) or own
        others = [one for one in await joining.index.statements(standing) if one.own != own]
    if standing != joining.names.get(own, own):
        await move(own, standing, joining)
    if others:
        await state(standing, [*others, mine], joining)
    else:
        if apart := await stated_otherwise(mine, found, own, joining):
            joining.bodies[own] = linked(body, apart)
        joining.rows.append(joining.index.put(joining.like, STATEMENTS, standing, (), [mine.as_dict()]))
    for key in found:
        listed = await joining.index.references(KEYS, [key])
        if standing not in listed:
            joining.rows.append(
                joining.index.put(joining.like, KEYS, key, [*(one for one in listed if one != own), standing])
            )


async def candidate(mine: Statement, found: list[str], own: str, joining: Joining) -> str | None:
    """The resource that already stands for the event. Where only the person is not known well enough, both wait for a
    record of the person."""
    listed = [await joining.index.standing(one) for one in await joining.index.references(KEYS, found)]
    for standing in dict.fromkeys(one for one in listed if one != own):
        others = await joining.index.statements(standing)
        if not others or any(contradict(mine, one) for one in others):
            continue
        if any([common_number(mine, one) or await of_one_person(mine, one, joining) for one in others]):
            return standing
        if not any([await may_be_one(mine, one, joining.index) for one in others]):
            continue
        for subject in {one.subject for one in (mine, *others) if one.subject}:
            joining.waiting.add(subject)
            waiting = await joining.index.references(WAITING, [subject])
            new = [one for one in (own, standing) if one not in waiting]
            if new:
                joining.rows.append(joining.index.put(joining.like, WAITING, subject, [*waiting, *new]))
    return None


async def stated_otherwise(mine: Statement, found: list[str], own: str, joining: Joining) -> str | None:
    """The resource of another source that states the same event with another value."""
    for reference in await joining.index.references(KEYS, found):
        standing = await joining.index.standing(reference)
        for one in await joining.index.statements(standing) if standing != own else ():
            alike = replace(one, value=mine.value)
            differing = one.value != mine.value and not contradict(mine, alike)
            if differing and await of_one_person(mine, one, joining):
                return standing
    return None


def linked(body: Resource, other: str) -> Resource:
    """The resource with a link to the one that states the same event otherwise."""
    link = {"url": SAME_EVENT, "valueReference": {"reference": other}}
    return body | {"extension": [*body.get("extension", ()), link]}


async def of_one_person(one: Statement, other: Statement, joining: Joining) -> bool:
    """Whether the persons are one: the same record, evidence that agrees, or records that are linked to one golden
    record; never with two identity numbers."""
    if one.subject is None or other.subject is None:
        return False
    if one.subject == other.subject:
        return True
    known = await known_of(one, other, joining.index)
    if same_person(*known):
        return True
    if two_numbers(*known):
        return False
    golden = [await golden_of(subject, joining) for subject in (one.subject, other.subject)]
    return golden[0] is not None and golden[0] == golden[1]


async def golden_of(subject: str, joining: Joining) -> str | None:
    """The golden record that a stored Patient is linked to."""
    known = joining.index.golden
    if subject not in known:
        logical_id = subject.partition("/")[2]
        read = Interaction("search-type", "Patient", query=(("_id", logical_id),), principal=SYSTEM)
        (answer,) = await joining.desk.write([read])
        bundle: Any = json.parse(answer.body) if isinstance(answer.body, bytes) else answer.body
        links = [
            link["other"].get("reference", "")
            for entry in (bundle or {}).get("entry", ())
            for link in entry["resource"].get("link", ())
            if link.get("type") == "refer"
        ]
        known[subject] = next((one for one in links if is_golden(one.removeprefix("Patient/"))), None)
    return known[subject]


async def may_be_one(one: Statement, other: Statement, index: Index) -> bool:
    """Whether what is known of the persons does not tell them apart yet."""
    return not told_apart(*await known_of(one, other, index))


async def known_of(one: Statement, other: Statement, index: Index) -> tuple[frozenset[str], frozenset[str]]:
    first, second = [await index.references(PERSONS, [part.subject or ""]) for part in (one, other)]
    return frozenset(first), frozenset(second)


async def state(standing: str, statements: list[Statement], joining: Joining) -> None:
    """The statements about an event, and the resource they make together."""
    resource = merged(statements, standing.partition("/")[2])
    joining.bodies[standing] = renamed(resource, await names_of(joinable(resource), joining.index) | joining.names)
    listed = [one.as_dict() for one in statements]
    joining.rows.append(joining.index.put(joining.like, STATEMENTS, standing, (), listed))


async def move(own: str, standing: str, joining: Joining) -> None:
    """From now on the other resource stands for the event: what referred to the own one is led there, and the own one,
    if it was stored, goes."""
    joining.names[own] = standing
    joining.rows.append(joining.index.put(joining.like, ALIASES, own, [standing]))
    if await joining.index.statements(own):
        joining.gone.append(own)
        joining.rows.append(joining.index.put(joining.like, STATEMENTS, own, ()))
    await joining.settle()
    for resource in await referring(own, joining.desk):
        joining.changed.append(renamed(resource, joining.names))


async def referring(reference: str, desk: Desk) -> list[Resource]:
    """The stored resources that refer to one."""
    found: dict[str, Resource] = {}
    for resource_type, parameter in REFERRERS.get(reference.partition("/")[0], ()):
        query = ((parameter, reference), ("_count", "1000"))
        (answer,) = await desk.write([Interaction("search-type", resource_type, query=query, principal=SYSTEM)])
        bundle: Any = json.parse(answer.body) if isinstance(answer.body, bytes) else answer.body
        for entry in (bundle or {}).get("entry", ()):
            resource = {name: part for name, part in entry["resource"].items() if name != "meta"}
            found[f"{resource['resourceType']}/{resource['id']}"] = resource
    return list(found.values())


async def take_back(reference: str, record: str, joining: Joining) -> None:
    """What a record no longer states stays as far as other records state it."""
    statements = await joining.index.statements(reference)
    others = [one for one in statements if one.record != record]
    if len(others) == len(statements):
        return
    if others:
        await state(reference, others, joining)
        joining.restated.add(reference)
    else:
        joining.rows.append(joining.index.put(joining.like, STATEMENTS, reference, ()))


async def rejoin_waiting(patients: Iterable[str], joining: Joining) -> None:
    """Events that waited for one of these persons."""
    for reference in patients:
        waiting = [await joining.index.standing(one) for one in await joining.index.references(WAITING, [reference])]
        if len(set(waiting)) > 1:
            joining.waiting.add(reference)
        for own in dict.fromkeys(waiting):
            for standing in dict.fromkeys(one for one in waiting if one != own):
                await rejoin(own, standing, joining)


async def rejoin(own: str, standing: str, joining: Joining) -> None:
    """Joins two stored events when their persons turn out to be one."""
    mine, others = await joining.index.statements(own), await joining.index.statements(standing)
    if not mine or not others or any(contradict(one, other) for one in mine for other in others):
        return
    if not any([await of_one_person(one, other, joining) for one in mine for other in others]):
        return
    await move(own, standing, joining)
    for one in mine:
        if one.own != own:
            joining.rows.append(joining.index.put(joining.like, ALIASES, one.own, [standing]))
    await state(standing, [*others, *mine], joining)


def applied(made: MappedRecord, decision: Decision, joining: Joining) -> tuple[MappedRecord, Decision]:
    """The record with its resources as they are written, and the decision by their names."""
    names, bodies = joining.names, joining.bodies
    if not (names or bodies or joining.restated):
        return made, decision
    resources: dict[str, Resource] = {}
    for one in made.resources:
        own = f"{one['resourceType']}/{one['id']}"
        standing = names.get(own, own)
        resources[standing] = bodies.get(standing) or elsewhere(one, standing, names)
    write = dict.fromkeys(names.get(one, one) for one in decision.write)
    kept = joining.restated | resources.keys()
    withdraw = tuple(one for one in decision.withdraw if one not in kept)
    return replace(made, resources=tuple(resources.values())), replace(decision, write=tuple(write), withdraw=withdraw)


def elsewhere(resource: Resource, standing: str, names: Mapping[str, str]) -> Resource:
    """The resource under the name of the standing one, its references led there; itself where nothing is joined."""
    if not names:
        return resource
    made: Resource = renamed_copy(resource, names)
    return made | {"id": standing.partition("/")[2]}


def extra(resources: Iterable[Resource], joining: Joining) -> list[Resource]:
    """What is written beside a record's own resources, each once."""
    found = {f"{one['resourceType']}/{one['id']}": one for one in (*joining.changed, *joining.bodies.values())}
    own = {f"{one['resourceType']}/{one['id']}" for one in resources} if found else set()
    return [one for reference, one in found.items() if reference not in own and reference not in joining.gone]
