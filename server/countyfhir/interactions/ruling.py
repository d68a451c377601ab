"""Where the rules of the workflows meet a plan: after its writes are checked, before they are committed (DESIGN: the
life of a request)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from countyfhir.exchange import SYSTEM, Criteria, Interaction, Principal, Resource, Stored, Write, changed
from countyfhir.interactions.acting_for import acting_for
from countyfhir.interactions.persons.whole import whole_query
from countyfhir.interactions.prepare import prepared
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError, Issue, at_entry
from countyfhir.search import parse
from countyfhir.workflow.rules import CONCERNED, any_concerned, judged, timed
from countyfhir.workflow.situation import Change, Key, Situation, Verdict
from countyfhir.workflow.timing import timer_of, with_timer

STATUS_OF_REFUSAL = (("forbidden", 403), ("conflict", 409), ("duplicate", 409), ("exception", 500))
"""The status of what rules refuse, by the gravest code among the issues; 422 otherwise."""
MOST_FOUND = 10_000
"""Resources that one search of a rule may give; beyond it the rule could only guess."""


@dataclass(frozen=True, slots=True)
class Ruled:
    """``writes`` in the order they were given, some of them changed; ``further`` ones and the ``criteria`` that the
    rules rest on; by position of what was given: ``warnings``, the versions that are ``known`` already (left out of the
    writes), and what is only ``accepted``."""

    writes: tuple[Write, ...]
    further: tuple[Write, ...] = ()
    criteria: tuple[Criteria, ...] = ()
    warnings: Mapping[int, tuple[Issue, ...]] = field(default_factory=dict)
    known: Mapping[int, Stored] = field(default_factory=dict)
    accepted: frozenset[int] = frozenset()

    def by_place(self, stored: Sequence[Stored]) -> list[Stored]:
        """What was stored for each write that was given; a known resource as it is now."""
        made = {(one.resource_type, one.logical_id): one for one in stored}
        rest = iter(stored)
        return [
            made.get((known.resource_type, known.logical_id), known)
            if (known := self.known.get(place)) is not None
            else next(rest)
            for place in range(len(self.writes) + len(self.known))
        ]


async def ruled(
    writes: tuple[Write, ...],
    current: Mapping[Key, Stored],
    interaction: Interaction,
    world: World,
    entries: Sequence[int] | None = None,
) -> Ruled:
    """The writes as the rules leave them; FhirError with everything they refuse. ``entries``: the place in the bundle
    of each write."""
    if world.rules is None or not any(one.resource_type in CONCERNED for one in writes):
        return Ruled(writes)
    look = StoreLook(writes, world, interaction.base, interaction.principal)
    changes = [_change(place, one, current) for place, one in enumerate(writes)]
    if not any_concerned(changes):
        return Ruled(writes)
    principal = interaction.principal
    bound = principal.organization is not None and principal.kind in ("key", "token")
    organizations = await acting_for(principal, world) if bound else None
    from_intake = interaction.account is not None
    situation = Situation(changes, principal, organizations, world.now(), look, world.rules, from_intake)
    verdict = await judged(situation)
    if verdict.refused:
        raise _refusal(verdict, entries)
    await _due_already(situation, verdict)
    return await _taken_up(writes, verdict, look, interaction, world)


async def on_time(stored: Stored, world: World) -> Ruled:
    """What the rules make of a Task whose timer has come."""
    assert world.rules is not None
    assert stored.body is not None
    task = json.parse(stored.body)
    write = Write("PUT", "Task", stored.logical_id, task, stored.version_id)
    look = StoreLook((write,), world, world.search.base)
    change = Change("Task", stored.logical_id, task, task)
    verdict = Verdict()
    await timed(Situation((change,), SYSTEM, None, world.now(), look, world.rules), change, verdict)
    left = verdict.latest(change)
    assert left is not None
    moment = timer_of(left)
    verdict.write(with_timer(left, None) if moment is not None and moment <= world.now() else left)
    asking = Interaction("update", "Task", stored.logical_id, principal=SYSTEM, base=world.search.base)
    return await _taken_up((write,), verdict, look, asking, world)


async def _due_already(situation: Situation, verdict: Verdict) -> None:
    """A Task that is written with a timer that has come is acted on at once."""
    for change in _tasks(situation.changes, verdict):
        assert change.after is not None
        moment = timer_of(change.after)
        if moment is not None and moment <= situation.now:
            await timed(situation, change, verdict)


def _tasks(changes: Sequence[Change], verdict: Verdict) -> list[Change]:
    own = {one.key: one for one in changes}
    found = []
    for key in dict.fromkeys([*own, *verdict.resources]):
        change = own.get(key, Change(*key, None, None))
        latest = verdict.latest(change)
        if key[0] == "Task" and latest is not None:
            found.append(replace(change, after=latest))
    return found


def _change(place: int, write: Write, current: Mapping[Key, Stored]) -> Change:
    stored = current.get((write.resource_type, write.logical_id))
    before = json.parse(stored.body) if stored is not None and stored.body is not None else None
    return Change(write.resource_type, write.logical_id, before, write.resource, place, write.method)


def _refusal(verdict: Verdict, entries: Sequence[int] | None) -> FhirError:
    """All that is refused, at the entries of a bundle where it is one."""
    issues: list[Issue] = []
    for issue, change in verdict.refused:
        one = FhirError([issue])
        if entries is not None and change is not None and change.place < len(entries):
            one = at_entry(one, entries[change.place])
        issues += one.issues
    codes = {issue.code for issue in issues}
    return FhirError(issues, status=next((status for code, status in STATUS_OF_REFUSAL if code in codes), 422))


async def _taken_up(
    writes: tuple[Write, ...], verdict: Verdict, look: StoreLook, interaction: Interaction, world: World
) -> Ruled:
    left = dict(verdict.resources)
    known = {place: verdict.known[key] for place, one in enumerate(writes) if (key := _key(one)) in verdict.known}
    if known:
        _pointed_anew(writes, left, verdict.known)
    kept = tuple(_left(one, left, interaction, world) for place, one in enumerate(writes) if place not in known)
    own = {(one.resource_type, one.logical_id) for one in writes}
    system = changed(interaction, principal=SYSTEM, preconditions=interaction.preconditions, account=None)
    further = []
    for key, resource in left.items():
        if key not in own:
            before = await look.current(key)
            version = before.version_id if before is not None else 0
            there = before is not None and not before.deleted
            write = Write("PUT" if there else "POST", *key, resource, version)
            further.append(prepared(write, system, world))
    warnings: dict[int, tuple[Issue, ...]] = {}
    for issue, change in verdict.warned:
        place = change.place if change is not None else 0
        warnings[place] = (*warnings.get(place, ()), issue)
    versions = {place: stored for place, key in known.items() if (stored := await look.current(key)) is not None}
    accepted = frozenset(place for place, one in enumerate(writes) if _key(one) in verdict.accepted)
    return Ruled(kept, tuple(further), tuple(look.criteria), warnings, versions, accepted)


def _key(write: Write) -> Key:
    return (write.resource_type, write.logical_id)


def _pointed_anew(writes: Sequence[Write], left: dict[Key, Resource], known: Mapping[Key, Key]) -> None:
    """Let what refers to the new ids of known resources refer to them: another copy of it stands in ``left``."""
    names = {f"{old[0]}/{old[1]}": f"{new[0]}/{new[1]}" for old, new in known.items()}
    for key in known:
        left.pop(key, None)
    latest = {_key(one): one.resource for one in writes if one.resource is not None and _key(one) not in known} | left
    for key, resource in latest.items():
        if (pointed := _pointed(resource, names)) != resource:
            left[key] = pointed


def _pointed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _pointed(one, names) for name, one in value.items()}
    if isinstance(value, list):
        return [_pointed(one, names) for one in value]
    return names.get(value, value) if isinstance(value, str) else value


def _left(write: Write, left: Mapping[Key, Resource], interaction: Interaction, world: World) -> Write:
    resource = left.get((write.resource_type, write.logical_id))
    if resource is None or (resource is write.resource and write.body is not None):
        return write
    return prepared(replace(write, resource=resource), changed(interaction, account=None), world)


class StoreLook:
    """``workflow.situation.Look`` over the store, with the writes of a plan on top."""

    def __init__(self, writes: Sequence[Write], world: World, base: str, principal: Principal = SYSTEM) -> None:
        self.criteria: list[Criteria] = []
        self._world, self._base, self._principal = world, base, principal
        self._own: dict[Key, Resource | None] = {(one.resource_type, one.logical_id): one.resource for one in writes}
        self._stored: dict[Key, Stored | None] = {}

    async def read(self, reference: str | None) -> Resource | None:
        """See ``Look.read``."""
        key = self._key(reference)
        if key is None:
            return None
        if key in self._own:
            return self._own[key]
        stored = await self.current(key)
        return json.parse(stored.body) if stored is not None and stored.body is not None else None

    async def current(self, key: Key) -> Stored | None:
        """What the store has of a key, read once."""
        if key not in self._stored:
            self._stored[key] = await self._world.store.resources.read(*key)
        return self._stored[key]

    async def search(self, resource_type: str, criteria: str, *, bound: bool = False) -> list[Resource]:
        """See ``Look.search``."""
        context = replace(self._world.search, base=self._base)
        query = parse.criteria(resource_type, tuple(parse_qsl(criteria, keep_blank_values=True)), context)
        query = replace(await whole_query(query, self._world), count=1000)
        matches: list[Stored] = []
        page = query
        while True:
            answer = await self._world.store.resources.search(page)
            matches += answer.matches
            if answer.cursor is None:
                break
            if len(matches) >= MOST_FOUND:
                raise FhirError("too-costly", f"A rule of the county finds too many resources of {resource_type}.")
            page = replace(page, cursor=answer.cursor)
            await asyncio.sleep(0)
        if bound:
            self.criteria.append(Criteria(replace(query, count=2), frozenset(one.logical_id for one in matches)))
        return self._seen(matches)

    async def persons(self, patients: Iterable[str]) -> frozenset[str]:
        """See ``Look.persons``."""
        ids = sorted(set(patients))
        if self._world.person_rules is None or not ids:
            return frozenset(ids)
        linked = await self._world.store.persons.linked(ids)
        return frozenset(ids).union(*linked.values())

    async def shown(self, resources: Iterable[Resource]) -> list[Resource]:
        """See ``Look.shown``."""
        from countyfhir.interactions.covered import visible_to

        told = list(resources)
        keys = [(one["resourceType"], one["id"]) for one in told]
        allowed = await visible_to(self._principal, keys, self._world) if keys else set()
        return [one for one, key in zip(told, keys, strict=True) if key in allowed]

    def below(self, system: str, code: str) -> frozenset[str] | None:
        """See ``Look.below``."""
        return self._world.terminology.below(system, code)

    def _seen(self, matches: Sequence[Stored]) -> list[Resource]:
        found: list[Resource] = []
        for one in matches:
            key = (one.resource_type, one.logical_id)
            self._stored.setdefault(key, one)
            resource = self._own[key] if key in self._own else json.parse(one.body or b"")
            if resource is not None:
                found.append(resource)
        return found

    def _key(self, reference: str | None) -> Key | None:
        if not reference:
            return None
        text = reference.removeprefix(self._base.rstrip("/") + "/").partition("/_history/")[0]
        resource_type, _, logical_id = text.partition("/")
        if resource_type not in self._world.definitions.endpoint_types or not logical_id or "/" in logical_id:
            return None
        return (resource_type, logical_id)
