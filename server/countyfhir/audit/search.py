"""Search of the AuditEvents that the server records: newest first, paged by sequence (R4 sections 3.1.1 and
AuditEvent)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from countyfhir.audit.event import Visible, as_resource, sequence_of, shown_to, visible_of
from countyfhir.audit.parameters import DATES, PARAMETERS, Alternative, Zone, date, missing, refused
from countyfhir.exchange import ALL, AuditRecord, Grant, Resource
from countyfhir.store.ports import AuditStore

Row = tuple[int, AuditRecord]
Pairs = Iterable[tuple[str, str]]

CURSOR = re.compile(r"audit-([1-9][0-9]{0,17})")
"""What continues a search of recorded AuditEvents; cursors of other searches never look so."""
SHOWN_BY_THE_EDGE = frozenset({"_format", "_pretty", "_elements"})
ORDERS = ("-date", "-_lastUpdated")
SUPPORTED = (*PARAMETERS, *DATES, "_id", "_count", "_cursor", "_sort", "_total", "_summary", *sorted(SHOWN_BY_THE_EDGE))
MOST_VALUES = 50  # values of one parameter joined by ','
SCANNED = 20_000  # records looked at for one page; a page may then be short, with a next link
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """Page sizes, and the zone of dates that name none."""

    zone: Zone
    default_count: int = 20
    max_count: int = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """One page: AuditEvents newest first; ``cursor`` is the ``_cursor`` of the next page, None on the last."""

    events: tuple[Resource, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters, understood. ``terms`` must all hold, each by one of its alternatives."""

    terms: tuple[tuple[Alternative, ...], ...]
    count: int
    cursor: int | None = None
    logical_ids: tuple[str, ...] | None = None


async def search(pairs: Pairs, store: AuditStore, limits: Limits, grant: Grant = ALL) -> Found:
    """One page of the recorded AuditEvents that match and that the grant shows.

    FhirError ``invalid`` (400) for a parameter, modifier or value that is not supported, naming what is;
    ``forbidden`` (403) when the grant cannot be applied to audit records.
    """
    asked = understand(pairs, limits)
    visible = visible_of(grant)
    if visible is not None:
        asked = within(asked, visible)
    if asked.logical_ids is not None:
        rows, cursor = await by_id(asked, store), None
    else:
        rows, cursor = await scan(asked, store)
    events = tuple(as_resource(sequence, shown_to(visible, record)) for sequence, record in rows)
    return Found(events, None if cursor is None else f"audit-{cursor}")


def is_cursor(text: str) -> bool:
    """Whether a ``_cursor`` continues a search of recorded AuditEvents."""
    return CURSOR.fullmatch(text) is not None


def understand(pairs: Pairs, limits: Limits) -> Asked:
    """The parameters as tests; FhirError 400 for what is not supported."""
    terms: list[tuple[Alternative, ...]] = []
    count, cursor, logical_ids = limits.default_count, None, None
    for key, value in pairs:
        name, _, modifier = key.partition(":")
        if not value or name in SHOWN_BY_THE_EDGE:
            continue
        if key == "_count":
            count = count_of(value, limits.max_count)
        elif key == "_cursor":
            cursor = cursor_of(value)
        elif key == "_id":
            listed = tuple(value.split(","))
            logical_ids = listed if logical_ids is None else tuple(each for each in logical_ids if each in listed)
        elif key in CONSTANT:
            check_constant(key, value)
        else:
            terms.append(term(name, modifier, value, limits))
    return Asked(tuple(terms), count, cursor, logical_ids)


CONSTANT: Mapping[str, tuple[str, ...]] = {
    "_sort": ORDERS,
    "_total": ("none",),
    "_summary": ("false", "true", "text", "data"),
}
"""Parameters with the only values that change nothing about what is answered."""


def check_constant(key: str, value: str) -> None:
    """400 unless the value is one that is done anyway."""
    if value not in CONSTANT[key]:
        raise refused(key, f"can only be {' or '.join(CONSTANT[key])} (records come newest first and are not counted)")


def term(name: str, modifier: str, value: str, limits: Limits) -> tuple[Alternative, ...]:
    """The alternatives of one parameter."""
    values = value.split(",")
    if len(values) > MOST_VALUES:
        raise refused(name, f"has more than {MOST_VALUES} values")
    if modifier == "missing" and name in (*PARAMETERS, *DATES):
        return (missing(name, value),)
    if name in DATES:
        return tuple(date(name, modifier, each, limits.zone) for each in values)
    parameter = PARAMETERS.get(name)
    if parameter is None:
        raise refused(name, f"is not supported for recorded events; supported are {', '.join(SUPPORTED)}")
    alternatives = tuple(parameter(name, modifier, each) for each in values)
    if modifier == "not":  # none of the values: all of the negated tests
        return (Alternative(lambda record: all(each.test(record) for each in alternatives)),)
    return alternatives


def count_of(value: str, most: int) -> int:
    """``_count``, at least 1, at most the server's limit."""
    if not (value.isascii() and value.isdigit()):
        raise refused("_count", "expects a number")
    if int(value[:9]) == 0:
        raise refused("_count", "cannot be 0: recorded events are not counted")
    return min(int(value[:9]), most)


def cursor_of(value: str) -> int:
    """The sequence after which to go on."""
    matched = CURSOR.fullmatch(value)
    if matched is None:
        raise refused("_cursor", "is not one that this search gave; start again without it")
    return int(matched[1])


def within(asked: Asked, visible: Visible) -> Asked:
    """Only records that concern one of the patients, or are of accesses by one of the institutions."""
    inside = [PARAMETERS["patient"]("patient", "", patient) for patient in sorted(visible.patients)]
    if visible.organizations:
        inside = [Alternative(visible.shows)]
    return Asked((*asked.terms, tuple(inside)), asked.count, asked.cursor, asked.logical_ids)


def passes(record: AuditRecord, terms: Sequence[tuple[Alternative, ...]]) -> bool:
    """Whether one alternative of every term holds."""
    return all(any(alternative.test(record) for alternative in alternatives) for alternatives in terms)


async def by_id(asked: Asked, store: AuditStore) -> list[Row]:
    """The records of ``_id`` that pass."""
    rows = []
    for sequence in sorted(
        {found for each in asked.logical_ids or () if (found := sequence_of(each)) is not None}, reverse=True
    ):
        record = await store.read(sequence)
        if record is not None and passes(record, asked.terms):
            rows.append((sequence, record))
    return rows


async def scan(asked: Asked, store: AuditStore) -> tuple[list[Row], int | None]:
    """Records that pass, newest first, and where to go on."""
    fans, exact = criteria_of(asked.terms)
    batch = asked.count + 1 if exact else max(asked.count + 1, BATCH)
    found: list[Row] = []
    cursor, looked_at = asked.cursor, 0
    while True:
        rows, more = await newest(fans, store, batch, cursor)
        for position, (sequence, record) in enumerate(rows):
            if not passes(record, asked.terms):
                continue
            found.append((sequence, record))
            if len(found) == asked.count:
                return found, sequence if more or position + 1 < len(rows) else None
        if not more:
            return found, None
        cursor = rows[-1][0]
        looked_at += len(rows)
        if looked_at >= SCANNED:
            return found, cursor


async def newest(
    fans: Sequence[Mapping[str, Any]], store: AuditStore, count: int, cursor: int | None
) -> tuple[list[Row], bool]:
    """The newest records that any of the criteria finds, without gaps, and whether there are older ones."""
    merged: dict[int, AuditRecord] = {}
    horizon = 0
    more = False
    for criteria in fans:
        rows, further = await store.find(criteria, count=count, cursor=cursor)
        merged.update(rows)
        if further is not None and rows:
            more, horizon = True, max(horizon, rows[-1][0])
    return sorted(((key, record) for key, record in merged.items() if key >= horizon), key=lambda row: -row[0]), more


def criteria_of(terms: Sequence[tuple[Alternative, ...]]) -> tuple[list[dict[str, Any]], bool]:
    """The criteria to ask the store with: those of every parameter with one value, and one parameter with several
    values spread out. The flag says that nothing is left to test."""
    criteria: dict[str, Any] = {}
    spread: tuple[Alternative, ...] = ()
    exact = True
    for alternatives in terms:
        if (
            len(alternatives) == 1
            and alternatives[0].criteria is not None
            and joins(criteria, alternatives[0].criteria)
        ):
            continue
        if not spread and all(each.criteria and not each.criteria.keys() & {"since", "until"} for each in alternatives):
            spread = alternatives
        else:
            exact = False
    usable = [each.criteria for each in spread if each.criteria and not each.criteria.keys() & criteria.keys()]
    if len(usable) < len(spread) or not spread:
        return [criteria], exact and not spread
    return [{**criteria, **each} for each in usable], exact


def joins(criteria: dict[str, Any], further: Mapping[str, Any]) -> bool:
    """Add criteria to others; False, and nothing added, when one of them is taken. Bounds of time are intersected."""
    if any(key in criteria and key not in ("since", "until") for key in further):
        return False
    for key, value in further.items():
        narrower = max if key == "since" else min
        criteria[key] = narrower(criteria[key], value) if key in criteria else value
    return True
