"""$lastn of Observation: the most recent of each code (OperationDefinition Observation-lastn)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any
from urllib.parse import urlencode

import msgspec

from countyfhir.access.criteria import narrow
from countyfhir.exchange import Answer, Grant, Interaction, Stored
from countyfhir.interactions.bundle_text import bundle, match_entry, outcome_entry
from countyfhir.interactions.persons.whole import whole_query
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.model.primitives import interval
from countyfhir.outcome import FhirError, operation_outcome
from countyfhir.search import parse
from countyfhir.search.parse import Parsed
from countyfhir.search.query import IdIs, Query, Sort

TYPE = "Observation"
MOST = 50_000
"""Observations that one call looks at."""
_PAGE = 1_000
_SUBJECT = frozenset({"patient", "subject"})
_CODED = ("category", "code", "combo-code", "component-code")
_NOT_HERE = frozenset({"_sort", "_count", "_total", "_cursor", "_summary", "_elements", "_contained", "_containedType"})

Pairs = tuple[tuple[str, str], ...]
Key = tuple[str, str]


class _Coding(msgspec.Struct):
    system: str = ""
    code: str = ""


class _Concept(msgspec.Struct):
    coding: list[_Coding] = []
    text: str = ""


class _Period(msgspec.Struct):
    start: str = ""
    end: str = ""


class _Seen(msgspec.Struct, rename="camel"):
    """What grouping needs of an Observation."""

    code: _Concept = msgspec.field(default_factory=_Concept)
    effective_date_time: str = ""
    effective_instant: str = ""
    effective_period: _Period | None = None
    effective_timing: msgspec.Raw = msgspec.Raw(b"")


_decode = msgspec.json.Decoder(_Seen).decode


@dataclass(frozen=True, slots=True)
class _Row:
    """An Observation with a key of its group, and when it was made (None: not said)."""

    stored: Stored
    key: Key
    moment: object


async def lastn(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """The newest ``max`` (1 unless said) Observations of every code among those that the search parameters find, with
    those as new as the last of them. FhirError 400 without a subject, or without a category or code."""
    pairs = _pairs(interaction)
    most, searched = _most(pairs), tuple(pair for pair in pairs if pair[0] != "max")
    _check(searched)
    context = replace(world.search, base=interaction.base)
    lenient = interaction.preferences.handling == "lenient"
    asked = parse.search(TYPE, searched, context, lenient=lenient)
    taken = await _taken(narrow(asked.query, grant), most, grant, world)
    included = await _included(asked.query, taken, grant, world)
    rows = list(_rows(interaction.base, taken, included, asked))
    link = f"{interaction.base}/{TYPE}/$lastn?{urlencode([*asked.applied, ('max', str(most))])}"
    concerned = {one.patient for one in (*taken, *included) if one.patient is not None}
    text = bundle("searchset", rows, links=[("self", link)], total=len(taken))
    return Answer(200, body=text, patients=tuple(sorted(concerned)))


def _pairs(interaction: Interaction) -> Pairs:
    """The parameters of the URL, and those of a Parameters resource."""
    sent = interaction.body.get("parameter", []) if isinstance(interaction.body, dict) else []
    return (*interaction.query, *((str(one.get("name")), _value(one)) for one in sent if isinstance(one, dict)))


def _value(parameter: dict[str, Any]) -> str:
    return next((str(value) for name, value in parameter.items() if name.startswith("value")), "")


def _most(pairs: Pairs) -> int:
    given = [value for name, value in pairs if name == "max"]
    if not given:
        return 1
    if len(given) > 1 or not (given[0].isascii() and given[0].isdigit()) or not 0 < int(given[0]) <= MOST:
        raise FhirError("value", "max is given once, as a whole number of 1 or more.", expression="max")
    return int(given[0])


def _check(searched: Pairs) -> None:
    """What the operation requires, and what has no meaning in it."""
    names = [name for name, _ in searched]
    codes = {name.partition(".")[0].partition(":")[0] for name in names if not name.endswith(":missing")}
    if not codes & _SUBJECT:
        raise FhirError("required", "$lastn needs the search parameter patient or subject.", expression="patient")
    if not any(code.startswith(_CODED) for code in codes):
        raise FhirError("required", "$lastn needs a category, or a search parameter with a code.", expression="code")
    refused = sorted(_NOT_HERE & codes)
    if refused:
        text = f"{refused[0]} has no place in $lastn: the newest come first, all in one Bundle; max limits each group."
        raise FhirError("not-supported", text, status=400)


async def _taken(query: Query, most: int, grant: Grant, world: World) -> list[Stored]:
    """Newest first; those without a time last."""
    query = replace(query, sort=(Sort("date", "date", True),), count=_PAGE, total="none", includes=(), cursor=None)
    rows: list[_Row] = []
    groups = _Groups()
    while True:
        page = await world.store.resources.search(await whole_query(query, world), grant)
        rows += [_row(stored, groups, world.search.zone) for stored in page.matches]
        if len(rows) > MOST:
            raise FhirError("too-costly", f"More than {MOST} Observations; narrow them by category, code or date.")
        if page.cursor is None:
            return _newest(rows, groups, most)
        query = replace(query, cursor=page.cursor)


def _row(stored: Stored, groups: _Groups, zone: tzinfo) -> _Row:
    assert stored.body is not None
    seen = _decode(stored.body)
    codings = [(one.system, one.code) for one in seen.code.coding if one.code]
    keys = codings or [("", f"\0{seen.code.text}")]
    for key in keys:
        groups.join(keys[0], key)
    return _Row(stored, keys[0], _moment(seen, zone))


def _moment(seen: _Seen, zone: tzinfo) -> object:
    """The effective time in a form that is equal for equal times."""
    text = seen.effective_date_time or seen.effective_instant
    if text:
        return interval(text, zone)
    if seen.effective_period is not None:
        ends = (seen.effective_period.start, seen.effective_period.end)
        return tuple(interval(end, zone) if end else None for end in ends)
    return bytes(seen.effective_timing) or None


class _Groups:
    """Codes that mean the same because an Observation carries both, transitively (union-find)."""

    def __init__(self) -> None:
        self._above: dict[Key, Key] = {}

    def of(self, key: Key) -> Key:
        """The key that stands for the group."""
        above = self._above.setdefault(key, key)
        while above != self._above[above]:
            self._above[key] = above = self._above[above]
        return above

    def join(self, one: Key, other: Key) -> None:
        """Make one group of both."""
        self._above[self.of(other)] = self.of(one)


def _newest(rows: Iterable[_Row], groups: _Groups, most: int) -> list[Stored]:
    """The first ``most`` of each group, and those that are as new as the last of them."""
    counted: dict[Key, int] = {}
    last: dict[Key, object] = {}
    taken = []
    for row in rows:
        group = groups.of(row.key)
        number = counted.get(group, 0)
        if number < most:
            counted[group], last[group] = number + 1, row.moment
        elif row.moment is None or row.moment != last[group]:
            continue
        taken.append(row.stored)
    return taken


async def _included(query: Query, taken: Sequence[Stored], grant: Grant, world: World) -> list[Stored]:
    """What ``_include`` and ``_revinclude`` ask for, of those that were taken."""
    found: dict[tuple[str, str], Stored] = {}
    if query.includes:
        for start in range(0, len(taken), _PAGE):
            ids = tuple(one.logical_id for one in taken[start : start + _PAGE])
            page = await world.store.resources.search(
                Query((TYPE,), ((IdIs(ids),),), count=len(ids), includes=query.includes), grant
            )
            found |= {(one.resource_type, one.logical_id): one for one in page.included}
    matched = {(one.resource_type, one.logical_id) for one in taken}
    return [one for key, one in found.items() if key not in matched]


def _rows(base: str, taken: Iterable[Stored], included: Iterable[Stored], asked: Parsed) -> Iterable[bytes]:
    for one in taken:
        yield match_entry(base, one, one.body or b"")
    for one in included:
        yield match_entry(base, one, one.body or b"", b"include")
    if asked.issues:
        yield outcome_entry(json.dumps(operation_outcome(asked.issues)))
