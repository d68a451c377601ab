"""Search predicates about one resource as conditions on its document: one function a predicate, one table."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from countyfhir.search.full_text import BEGINNING, NARRATIVE
from countyfhir.search.near import is_within
from countyfhir.search.normalise import normalise
from countyfhir.search.query import (
    CodeStarts,
    CompositeIs,
    DateIs,
    FullText,
    IdIs,
    InCompartment,
    LastUpdatedIs,
    Missing,
    Near,
    NumberIs,
    OfType,
    ReferenceIs,
    StringIs,
    TokenIn,
    TokenIs,
    UriIs,
)
from countyfhir.search.ranges import DATE_RULES, NUMBER_RULES, Rule
from countyfhir.store.mongodb.index_keys import AFTER_END, AFTER_KIND, BEFORE_KIND, END, LAST, SEVERAL, stem
from countyfhir.store.mongodb.reading import (
    NOTHING,
    Condition,
    Document,
    Every,
    Filter,
    Never,
    Probe,
    Reading,
    every,
    some,
)

Compile = Callable[[str, Any], Condition]

_SIGNS = {"<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}
_MILLISECOND = 1000
"""An instant is kept in whole milliseconds: as a range it ends a millisecond later."""


def key_is(key: str) -> Filter:
    """Resources with this key."""
    return Filter({"k": key})


def keys_between(low: str, high: str, **more: Any) -> Filter:
    """Resources with a key in ``[low, high)``."""
    return Filter({"k": {"$elemMatch": {"$gte": low, "$lt": high, **more}}})


def _keys_like(prefix: str, pattern: str) -> Filter:
    """Resources with a key that begins with ``prefix`` and goes on as the pattern says; the prefix bounds the walk."""
    return keys_between(prefix, prefix + LAST, **{"$regex": f"^{re.escape(prefix)}{pattern}"})


def _token(kind: str, predicate: TokenIs) -> Condition:
    start = stem(kind, predicate.parameter, "t")
    if predicate.code is None:
        if predicate.system is None:
            return keys_between(start, start + LAST)
        return _keys_like(start, f"[^{END}]*{END}{re.escape(predicate.system)}$")
    if predicate.system is None:
        return keys_between(f"{start}{predicate.code}{END}", f"{start}{predicate.code}{AFTER_END}")
    return key_is(f"{start}{predicate.code}{END}{predicate.system}")


MOST_LISTED = 10_000
"""Keys in one query; more codes than that are compared here, batch by batch."""


def _token_in(kind: str, predicate: TokenIn) -> Condition:
    start = stem(kind, predicate.parameter, "t")
    whole: list[Condition] = [
        _keys_like(start, f"[^{END}]*{END}{re.escape(system)}$") for system in sorted(predicate.systems)
    ]
    keys = sorted(f"{start}{code}{END}{system}" for system, code in predicate.pairs if system not in predicate.systems)
    if len(keys) <= MOST_LISTED:
        return some([*whole, Filter({"k": {"$in": keys}})] if keys else whole)
    wanted, present = frozenset(keys), keys_between(start, start + LAST)

    async def among(reading: Reading, owners: Sequence[str]) -> set[str]:
        found = await reading.of_owners(owners, present.where, {"k": 1})
        return {owner for owner, document in found if not wanted.isdisjoint(document["k"])}

    return some([*whole, every([present, Probe(among)])])


def _code_starts(kind: str, predicate: CodeStarts) -> Condition:
    """Ranges that begin with the first letter in either case."""
    start, value = stem(kind, predicate.parameter, "t"), predicate.value
    folded = "".join(f"[{each}{each.upper()}]" if "a" <= each <= "z" else re.escape(each) for each in value)
    pattern = f"^{re.escape(start)}{folded}"
    first = value[:1]
    letters = dict.fromkeys((first, first.upper() if first.isascii() else first))
    ranges = [start + letter for letter in letters]
    return some(keys_between(each, each + LAST, **{"$regex": pattern}) for each in ranges)


def _string(kind: str, predicate: StringIs) -> Condition:
    start, value = stem(kind, predicate.parameter, "s"), predicate.value
    if predicate.match == "exact":
        return key_is(f"{start}{normalise(value)}{END}{value}")
    if predicate.match == "equals":
        return keys_between(f"{start}{value}{END}", f"{start}{value}{AFTER_END}")
    if predicate.match == "ends":
        return _keys_like(start, f"[^{END}]*{re.escape(value)}{END}")
    if predicate.match == "contains":
        return _keys_like(start, f"[^{END}]*{re.escape(value)}")
    return keys_between(start + value, start + value + LAST)


def _reference(kind: str, predicate: ReferenceIs) -> Condition:
    if predicate.url is not None:
        return key_is(stem(kind, predicate.parameter, "u") + predicate.url)
    start = stem(kind, predicate.parameter, "r")
    if predicate.target_id is None:
        if predicate.target_type is None:
            return keys_between(start, start + LAST)
        return _keys_like(start, f"[^/]*/{re.escape(predicate.target_type)}$")
    if predicate.target_type is None:
        return keys_between(f"{start}{predicate.target_id}/", f"{start}{predicate.target_id}0")
    return _targeted(
        f"{start}{predicate.target_id}/{predicate.target_type}", predicate.target_type, predicate.target_id
    )


def _targeted(key: str, target_type: str, target_id: str) -> Filter:
    """What points to a patient lies with that patient, or with what concerns several: no other shard is asked."""
    if target_type != "Patient":
        return key_is(key)
    return Filter({"k": key, "p": {"$in": [target_id, SEVERAL]}})


def _date(kind: str, predicate: DateIs) -> Condition:
    return some(map(Filter, (dict(each) for each in _dates(kind, predicate))))


def _dates(kind: str, predicate: DateIs) -> list[Document]:
    """One condition on ``d`` for each alternative of the rule."""
    values = {"LOW": predicate.low, "HIGH": predicate.high}
    found = []
    for conjunction in DATE_RULES[predicate.prefix]:
        sides: Document = {"p": f"{kind}.{predicate.parameter}"}
        for side, sign, value in conjunction:
            sides.setdefault(side[0], {})[_SIGNS[sign]] = values[value]
        if [(side, sign) for side, sign, _ in conjunction] == [("low", ">="), ("high", "<=")]:
            sides["l"]["$lt"] = values["HIGH"]  # follows from both: bounds the walk of the index
        found.append({"d": {"$elemMatch": sides}})
    return found


def _number(kind: str, predicate: NumberIs) -> Condition:
    start = f"{stem(kind, predicate.parameter, 'n')}{predicate.unit or ''}{END}"
    values = {"LOW": predicate.low.hex(), "EXACT": predicate.exact.hex(), "HIGH": predicate.high.hex()}
    return some(_bounded(start, NUMBER_RULES[predicate.prefix], values))


def _bounded(start: str, rule: Rule, values: dict[str, str]) -> list[Condition]:
    made: list[Condition] = []
    for conjunction in rule:
        bounds: Document = {_SIGNS[sign]: start + values[value] for _, sign, value in conjunction}
        if not bounds.keys() & {"$gt", "$gte"}:
            bounds["$gte"] = start
        if not bounds.keys() & {"$lt", "$lte"}:
            bounds["$lt"] = start + LAST
        made.append(Filter({"k": {"$elemMatch": bounds}}))
    return made


def _uri(kind: str, predicate: UriIs) -> Condition:
    start, value = stem(kind, predicate.parameter, "u"), predicate.value
    if predicate.match == "exact":
        return key_is(start + value)
    if predicate.match == "below":
        deeper = value.rstrip("/")
        return some([key_is(start + value), keys_between(f"{start}{deeper}/", f"{start}{deeper}0")])
    if predicate.match == "versions":
        if value.endswith("|"):
            return keys_between(start + value, f"{start}{value[:-1]}}}")
        return some([key_is(start + value), keys_between(f"{start}{value}.", f"{start}{value}/")])
    return some(key_is(start + each) for each in shallower(value))


def shallower(value: str) -> list[str]:
    """The value and every URL above it, with a final slash and without, down to the authority."""
    scheme, separator, rest = value.partition("://")
    segments = rest.split("/") if separator else value.split("/")
    prefix = scheme + separator if separator else ""
    above = [prefix + "/".join(segments[:length]) for length in range(len(segments) - 1, 0, -1)]
    return list(dict.fromkeys([value, *above, *(f"{url}/" for url in above)]))


def _composite(kind: str, predicate: CompositeIs) -> Condition:
    """All parts hold inside one element."""
    base = f"{kind}.{predicate.parts[0].parameter.partition('$')[0]}$" if predicate.parts else ""  # type: ignore[union-attr]
    inner = [_inside(SIMPLE[type(part)](kind, part)) for part in predicate.parts]
    return Filter(_element(base, inner))


def _element(base: str, conditions: list[Document]) -> Document:
    """One element of a composite, found by its name, for which the conditions hold."""
    return {"c": {"$elemMatch": {"k": base, "$and": conditions}}}


def _inside(condition: Condition) -> Document:
    if isinstance(condition, Filter):
        return {name: value for name, value in condition.where.items() if name != "p"}  # an element has no patient
    return {"$or": [_inside(part) for part in condition.parts]}  # type: ignore[union-attr]


def _missing(kind: str, predicate: Missing) -> Condition:
    start = f"{kind}.{predicate.parameter}"
    keys, dates = keys_between(start + BEFORE_KIND, start + AFTER_KIND), Filter({"d.p": start})
    present: Condition = some([keys, dates])
    if "$" in predicate.parameter:
        base = start.partition("$")[0] + "$"
        present = Filter(_element(base, [{"$or": [keys.where, dates.where]}]))
    return Never(present) if predicate.missing else present


def _id(kind: str, predicate: IdIs) -> Condition:
    return Filter({"_id": {"$in": [f"{kind}/{each}" for each in predicate.logical_ids]}})


def _last_updated(kind: str, predicate: LastUpdatedIs) -> Condition:
    values = {"LOW": predicate.low, "HIGH": predicate.high}
    made = []
    for conjunction in DATE_RULES[predicate.prefix]:
        later = [
            {"u": {_SIGNS[sign]: values[value] - (_MILLISECOND if side == "high" else 0)}}
            for side, sign, value in conjunction
        ]
        made.append(Filter({"$and": later}))
    return some(made)


def _in_compartment(kind: str, predicate: InCompartment) -> Condition:
    owner = predicate.compartment_type, predicate.logical_id
    pointing: list[Condition] = [
        _targeted(f"{stem(kind, name, 'r')}{owner[1]}/{owner[0]}", *owner) for name in predicate.parameters
    ]
    if kind == owner[0]:
        pointing.append(Filter({"_id": "/".join(owner)}))
    return some(pointing)


def _full_text(kind: str, predicate: FullText) -> Condition:
    return every(_phrase(kind, each, predicate.parameter == NARRATIVE) for each in predicate.phrases)


def _phrase(kind: str, phrase: str, narrative_only: bool) -> Condition:
    """The words lead; that they follow one another is seen in the text."""
    *whole, last = phrase.split()
    goes_on = last.endswith(BEGINNING)
    wanted: list[Document] = [{"w": f"{kind} {word}"} for word in (whole if goes_on else [*whole, last])]
    if goes_on:
        start = f"{kind} {last[:-1]}"
        wanted.append({"w": {"$elemMatch": {"$gte": start, "$lt": start + LAST}}})
    if whole or narrative_only:
        text = re.escape(phrase[:-1]) if goes_on else f"{re.escape(phrase)}(?: |$)"
        stands = {"$regex": f"(?:^| ){text}"}
        wanted.append({"xa": stands} if narrative_only else {"$or": [{"xa": stands}, {"xb": stands}]})
    return Filter({"$and": wanted})


def _near(kind: str, predicate: Near) -> Condition:
    """Positions in the box are found by their keys; how far they are is measured here."""
    latitude = stem(kind, f"{predicate.parameter}$latitude", "n") + END
    longitude = stem(kind, f"{predicate.parameter}$longitude", "n") + END
    sides = [
        _within(latitude, predicate.latitudes),
        {"$or": [_within(longitude, each) for each in predicate.longitudes]},
    ]
    box = _element(f"{kind}.{predicate.parameter}$", sides)

    async def measured(reading: Reading, owners: Sequence[str]) -> set[str]:
        found = await reading.of_owners(owners, box, {"c.k": 1})
        return {
            owner
            for owner, document in found
            for element in document["c"]
            if _is_near(element["k"], latitude, longitude, predicate)
        }

    return every([Filter(box), Probe(measured)])


def _within(start: str, bounds: tuple[bytes, bytes]) -> Document:
    return {"k": {"$elemMatch": {"$gte": start + bounds[0].hex(), "$lte": start + bounds[1].hex()}}}


def _is_near(keys: Sequence[str], latitude: str, longitude: str, asked: Near) -> bool:
    sides = [
        [bytes.fromhex(key[len(start) :]) for key in keys if key.startswith(start)] for start in (latitude, longitude)
    ]
    return any(
        is_within(north, east, asked.latitude, asked.longitude, asked.metres) for north in sides[0] for east in sides[1]
    )


SIMPLE: dict[type[Any], Compile] = {
    TokenIs: _token,
    TokenIn: _token_in,
    CodeStarts: _code_starts,
    StringIs: _string,
    ReferenceIs: _reference,
    DateIs: _date,
    NumberIs: _number,
    UriIs: _uri,
    FullText: _full_text,
    Near: _near,
    CompositeIs: _composite,
    Missing: _missing,
    IdIs: _id,
    LastUpdatedIs: _last_updated,
    InCompartment: _in_compartment,
    OfType: lambda kind, predicate: Every() if kind == predicate.resource_type else Filter(NOTHING),
}
"""Predicates about one resource; those that lead to others stand in ``selecting``."""
