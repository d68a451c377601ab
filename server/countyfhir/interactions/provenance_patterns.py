"""The Provenances of an intake, written after a pattern: those of one file differ in a few texts only, so one of each
kind is checked and indexed whole, and the others take its place with their own texts (R4 Provenance)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from countyfhir.exchange import Body, Resource, Write
from countyfhir.model import json
from countyfhir.search.entries import DATE, FULL_TEXT, REFERENCE, RELATION, TOKEN, Entry
from countyfhir.search.full_text import words
from countyfhir.search.relations import OWN

MOST_KEPT = 1024
"""Patterns remembered; then it begins anew."""
_ID, _VALUE, _DISPLAY, _RECORDED = "zq0id0zq", "zq0value0zq", "zq0display0zq", "1901-02-03T04:05:06.789Z"
_TARGET = "zq0target{}zq"
_FOREIGN = re.compile(rf"{_ID}|{_VALUE}|{_DISPLAY}|zq0target\d{{4}}zq|{re.escape(_RECORDED)}")
_KNOWN = {
    *((REFERENCE, name) for name in ("target", "patient", "entity", "agent", "_compartment")),
    *((TOKEN, name) for name in ("entity:identifier", "entity:logical")),
    *((DATE, "recorded"), (FULL_TEXT, "_content"), (RELATION, OWN)),
}
"""The entries in which a varying text may stand: each is there as it was written. One that a search parameter of the
county makes otherwise is made by extraction."""

_WORDS = " words"
"""Ends the mark that stands for the words of a text."""

Values = dict[str, str]
"""Mark -> what stands there."""
Fill = Callable[[Values], Any]
Varying = tuple[int, tuple[tuple[int, Fill], ...]]
"""The place of an entry with marks in it, and what makes the values at their places in it."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A prepared write in pieces: constants, and what fills the places between them."""

    head: tuple[str, ...]
    tail: tuple[str, ...]
    entries: tuple[Entry, ...]
    varying: tuple[Varying, ...]
    references: tuple[tuple[str, str], ...]
    patient: str | None


@dataclass(slots=True)
class Patterns:
    """The patterns of one set of search definitions; None where a Provenance has to be prepared by itself."""

    made_with: object = None
    known: dict[tuple[Any, ...], Pattern | None] = field(default_factory=dict)

    def ready(self, write: Write, prepare: Callable[[Write], Write], made_with: object, kind: object) -> Write | None:
        """The write as ``prepare`` would make it, or None where it has to. ``kind``: what else decides how it is
        prepared."""
        resource = write.resource
        values = values_of(resource) if resource is not None else None
        if resource is None or values is None:
            return None
        if self.made_with is not made_with or len(self.known) >= MOST_KEPT:
            self.made_with, self.known = made_with, {}
        bare = marked(resource)
        key = (json.dumps(bare), kind)
        if key not in self.known:
            whole = prepare(Write(write.method, write.resource_type, _ID, bare, write.expected_version))
            self.known[key] = pattern_of(whole)
        pattern = self.known[key]
        return filled(pattern, write, values) if pattern is not None else None


def values_of(resource: Resource) -> Values | None:
    """The texts by which a Provenance of the intake differs from others; None for one of another form."""
    try:
        source = resource["entity"][0]["what"]
        value, display = source["identifier"]["value"], source["display"]
        found = {_ID: resource["id"], _RECORDED: resource["recorded"], _VALUE: value, _DISPLAY: display}
        targets = [str(one["reference"]) for one in resource["target"]]
    except (KeyError, IndexError, TypeError):
        return None
    if len(targets) > 999 or any(one.count("/") != 1 or len(one.rpartition("/")[2]) > 64 for one in targets):
        return None
    found |= {_TARGET.format(1000 + place): one.rpartition("/")[2] for place, one in enumerate(targets)}
    plain = all(type(text) is str and text and text.isprintable() for text in found.values())
    return found if plain and len(set(targets)) == len(targets) and not _FOREIGN.search(value + display) else None


def marked(resource: Resource) -> Resource:
    """The Provenance with marks where others of its kind differ."""
    first, *others = resource["entity"]
    what = first["what"]
    what = {**what, "identifier": {**what["identifier"], "value": _VALUE}, "display": _DISPLAY}
    targets = [
        {**one, "reference": f"{one['reference'].partition('/')[0]}/{_TARGET.format(1000 + place)}"}
        for place, one in enumerate(resource["target"])
    ]
    made = {"id": _ID, "target": targets, "recorded": _RECORDED, "entity": [{**first, "what": what}, *others]}
    return {**resource, **made}


def pattern_of(write: Write) -> Pattern | None:
    """The pieces of a prepared write; None where a mark stands in an entry that may hold it in another form."""
    assert write.body is not None
    varying: list[Varying] = []
    low, high = instants(_RECORDED)
    for place, entry in enumerate(write.entries):
        texts = [part for part in entry if isinstance(part, str) and "zq0" in part.lower()]
        dated = low in entry or high in entry
        if not texts and not dated:
            continue
        if entry[:2] not in _KNOWN or (dated and entry[3:] != (low, high)):
            return None
        made = [(at, found) for at, part in enumerate(entry) if (found := fill(part)) is not None]
        varying.append((place, (*made, (3, _low), (4, _high)) if dated else tuple(made)))
    head, tail = (tuple(_split(text.decode())) for text in (write.body.head, write.body.tail))
    return Pattern(head, tail, write.entries, tuple(varying), write.references, write.patient)


def _split(text: str) -> list[str]:
    """Constants at even places, marks at odd ones."""
    return re.split(f"({_FOREIGN.pattern})", text)


def fill(part: object) -> Fill | None:
    """What makes one value of an entry; None for one that is always the same."""
    if not isinstance(part, str) or not _FOREIGN.search(part):
        return None
    if _FOREIGN.fullmatch(part):
        return itemgetter(part)
    pieces = _split(part)  # the words of the whole
    return lambda values: "".join(
        [values[piece + _WORDS] if place % 2 else piece for place, piece in enumerate(pieces)]
    )


def _low(values: Values) -> int:
    return instants(values[_RECORDED])[0]


def _high(values: Values) -> int:
    return instants(values[_RECORDED])[1]


def instants(recorded: str) -> tuple[int, int]:
    """The millisecond of an instant, as the index keeps it."""
    low = round(datetime.fromisoformat(recorded).timestamp() * 1_000) * 1_000
    return low, low + 1_000


def filled(pattern: Pattern, write: Write, values: Values) -> Write | None:
    """The write after the pattern; None where a text has no words."""
    quoted = values.copy()
    for mark in (_VALUE, _DISPLAY):
        quoted[mark] = json.dumps(values[mark])[1:-1].decode()
        values[mark + _WORDS] = found = " ".join(words(values[mark]))
        if not found:
            return None
    entries = list(pattern.entries)
    for place, made in pattern.varying:
        entry: list[Any] = list(entries[place])
        for at, make in made:
            entry[at] = make(values)
        entries[place] = tuple(entry)
    references = tuple((kind, values.get(logical_id, logical_id)) for kind, logical_id in pattern.references)
    patient = values.get(pattern.patient, pattern.patient) if pattern.patient is not None else None
    body = Body(_joined(pattern.head, quoted), _joined(pattern.tail, quoted))
    return write.prepared(write.resource, body, tuple(entries), references, patient)


def _joined(pieces: Sequence[str], values: Values) -> bytes:
    return "".join([values[piece] if place % 2 else piece for place, piece in enumerate(pieces)]).encode()
