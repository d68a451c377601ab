"""Index entries as the keys of one document (DESIGN decision 7): strings that sort as their values do.

A key is ``Type.parameter!`` and a letter for its kind, then the value: ``Patient.gender!tmale\\x01`` and the system. So
the presence of a parameter is a range of keys, a token of any system another, and one index serves them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from countyfhir.search.entries import DATE, FULL_TEXT, NUMBER, QUANTITY, REFERENCE, RELATION, STRING, TOKEN, URI
from countyfhir.search.query import FOREVER
from countyfhir.search.relations import AUTHOR, FIRM, ITSELF
from countyfhir.search.unions import wholes

Document = dict[str, Any]

END = "\x01"
"""Ends the first part of a key that has two."""
AFTER_END = "\x02"
LAST = "\U0010ffff"
"""Sorts after every continuation of a prefix."""
BEFORE_KIND, AFTER_KIND = "!", '"'
SEVERAL, NONE = "*", ""
"""What stands for the patient in what concerns several patients, or none."""

UNSORTED = frozenset({"_compartment", "_canonical"})

LETTERS = {TOKEN: "t", STRING: "s", REFERENCE: "r", DATE: "d", NUMBER: "n", QUANTITY: "n", URI: "u"}
KEYS_HELD, DATES_HELD, ELEMENTS_HELD, WORDS_HELD, WORDS_SHARED = 1_000, 500, 200, 600, 100
"""What one document holds; segments of a long text share as many words as a phrase may have."""


def stem(resource_type: str, parameter: str, letter: str) -> str:
    """How the keys of a kind of a parameter begin."""
    return f"{resource_type}.{parameter}{BEFORE_KIND}{letter}"


@dataclass(slots=True)
class Shape:
    """The entries of one resource as they will be kept. ``patient`` is what its document is sharded by."""

    keys: list[str] = field(default_factory=list)
    dates: list[Document] = field(default_factory=list)
    elements: list[Document] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    relations: list[Document] = field(default_factory=list)
    texts: tuple[str, str] = ("", "")
    sorted: dict[str, dict[str, str]] = field(default_factory=dict)
    patient: str = NONE

    @property
    def size(self) -> int:
        """How many index keys it makes, about."""
        inner = sum(len(each["k"]) for each in self.elements)
        return len(self.keys) + len(self.dates) + inner + len(self.references) + self.words

    @property
    def words(self) -> int:
        """Words of its texts, at most."""
        return self.texts[0].count(" ") + self.texts[1].count(" ") + 2


def shape(resource_type: str, logical_id: str, entries: Iterable[tuple[Any, ...]], literal: Any) -> Shape:
    """Keys, dates, composites, references, texts and sort keys of a resource. Pure: done before the transaction."""
    made = Shape()
    keys: dict[str, None] = {}
    elements: dict[tuple[str, int], Document] = {}
    searched: set[str] = set()
    for entry in entries:
        kind, parameter, part = entry[:3]
        if kind == FULL_TEXT:
            made.texts = (str(entry[3]), str(entry[4]))
            continue
        if kind == RELATION:
            made.relations.append(_relation(parameter, *entry[3:]))
            continue
        base, composite, _ = parameter.partition("$")
        if composite:
            first = f"{resource_type}.{base}$"
            element = elements.setdefault((base, part), {"k": [first], "d": []})
            _add(element["k"].append, element["d"], resource_type, entry)
            continue
        _add(keys.setdefault, made.dates, resource_type, entry)
        if _can_sort(parameter):
            for name in (parameter, *wholes(resource_type, parameter)):
                _note_order(made.sorted, name, entry)
        if kind == REFERENCE and entry[3] and ":" not in parameter and parameter[:1].islower():
            searched.add(f"{entry[3]}/{entry[4]}")
    made.keys, made.elements = list(keys), list(elements.values())
    for each in made.elements:
        if not each["d"]:
            del each["d"]
    made.dates = list({(each["p"], each["l"], each["h"]): each for each in made.dates}.values())
    made.references = _marked(searched, {f"{kind}/{target}" for kind, target in literal})
    made.patient = _patient(resource_type, logical_id, keys, made.references)
    return made


EVERYBODY = "*"
"""What stands for the actor in a refusal that holds for everybody."""


def _relation(rule: str, *values: Any) -> Document:
    """Who may see whose record: subject, actor, effect, reach, from, until, types, instance (``search.relations``)."""
    subject, subject_id, actor, actor_id, effect, reach, low, high, types, instance, instance_id = values
    return {
        "n": rule,
        "s": f"{subject}/{subject_id}",
        "a": f"{actor}/{actor_id}" if actor else EVERYBODY,
        "e": effect,
        "w": reach,
        "l": low,
        "h": high,
        "y": types,
        "i": f"{instance}/{instance_id}" if instance else "",
    }


def _add(keep: Any, dates: list[Document], resource_type: str, entry: tuple[Any, ...]) -> None:
    kind, parameter, _, *values = entry
    if kind == DATE:
        dates.append({"p": f"{resource_type}.{parameter}", "l": values[0], "h": values[1]})
        return
    if kind == REFERENCE and not values[0]:
        kind, values = URI, values[1:]
    keep(stem(resource_type, parameter, LETTERS[kind]) + VALUES[kind](*values))


VALUES: dict[int, Any] = {
    TOKEN: lambda system, code: f"{code}{END}{system}",
    STRING: lambda norm, original: f"{norm}{END}{original}",
    REFERENCE: lambda kind, logical_id: f"{logical_id}/{kind}",
    NUMBER: lambda key: f"{END}{key.hex()}",
    QUANTITY: lambda unit, key: f"{unit}{END}{key.hex()}",
    URI: lambda uri: uri,
}
"""What stands behind the stem."""


def moment(microseconds: int) -> str:
    """An instant as text that sorts as instants do."""
    return f"{microseconds + 2**63:016x}"


def _order_of(entry: tuple[Any, ...]) -> tuple[str, str, str] | None:
    """The letter, smallest and largest sort key of an entry; None when it is no sort key."""
    kind, _, _, first, *rest = entry
    if kind == TOKEN:
        return ("t", rest[0], rest[0]) if rest[0] else None
    if kind == STRING:
        return ("s", first, first) if rest[0] else None  # pinyin and what has no text sorts as missing
    if kind == DATE:
        return "d", moment(first), moment(rest[0])
    if kind in (NUMBER, QUANTITY):
        key = first if kind == NUMBER else rest[0] if first == "" else None
        return ("n", key.hex(), key.hex()) if key is not None else None
    text = first if kind == URI else f"{first}/{rest[0]}" if first else rest[0]
    return ("u" if kind == URI else "r", text, text) if text else None


def _can_sort(parameter: str) -> bool:
    """Whether a search may name it in ``_sort``: not what modifiers and contained resources are found by."""
    return parameter.endswith(":sort") or not (":" in parameter or parameter[0] == "#" or parameter in UNSORTED)


def _note_order(kept: dict[str, dict[str, str]], name: str, entry: tuple[Any, ...]) -> None:
    order = _order_of(entry)
    if order is None:
        return
    letter, low, high = order
    sides = kept.setdefault(sort_name(name, letter), {"a": low, "d": high})
    sides["a"], sides["d"] = min(sides["a"], low), max(sides["d"], high)


def sort_name(parameter: str, letter: str) -> str:
    """The field of a sort key inside ``o``."""
    return parameter.replace(".", "\u2024") + BEFORE_KIND + letter


def _marked(searched: set[str], literal: set[str]) -> list[str]:
    """Targets, marked: p of a search parameter, l literal only, b both."""
    both = searched & literal
    return [
        f"{target}|{'b' if target in both else 'p' if target in searched else 'l'}" for target in searched | literal
    ]


def _patient(resource_type: str, logical_id: str, keys: Iterable[str], references: Sequence[str]) -> str:
    """The one patient it points to by anything searched, so that a search for that patient knows where to look."""
    found = {logical_id} if resource_type == "Patient" else set()
    found.update(key.rpartition(f"{BEFORE_KIND}r")[2][:-8] for key in keys if key.endswith("/Patient"))
    found.update(each[8:-2] for each in references if each.startswith("Patient/"))
    return found.pop() if len(found) == 1 else SEVERAL if found else NONE


def documents(made: Shape, head: Document, author: Sequence[str] = ()) -> tuple[Document, list[Document]]:
    """The document of a resource and those that overflow; ``head`` holds ``_id``, type, id, instant and number.
    ``author``: ids of the Organization that wrote it first."""
    kept = {**head, "p": made.patient, "o": made.sorted}
    itself = (head["t"], head["i"])
    period = (-FOREVER, FOREVER)
    wrote = [_relation(AUTHOR, *itself, "Organization", one, FIRM, ITSELF, *period, "", "", "") for one in author]
    if made.relations or wrote:
        kept["a"] = [*made.relations, *wrote]
    if made.size <= KEYS_HELD:
        fields = _fields(made.keys, made.dates, made.elements, made.references)
        return {**kept, **fields, **_text(head["t"], *made.texts)}, []
    owner, kind = head["_id"], head["t"]
    pieces = enumerate(_pieces(made, kind))
    more = [{"_id": f"{owner}#{place}", "o": owner, "t": kind, "p": made.patient, **piece} for place, piece in pieces]
    return {**kept, "x": len(more)}, more


def _fields(keys: Any, dates: Any, elements: Any, references: Any) -> Document:
    named = {"k": keys, "d": dates, "c": elements, "r": references}
    return {name: value for name, value in named.items() if value}


def _text(kind: str, narrative: str, rest: str) -> Document:
    if not narrative and not rest:
        return {}
    return {"w": _words(kind, (*narrative.split(), *rest.split())), "xa": narrative, "xb": rest}


def _words(kind: str, words: Iterable[str]) -> list[str]:
    """Each word once, with the type: no search reads the words of another type."""
    return [f"{kind} {word}" for word in dict.fromkeys(words)]


def _pieces(made: Shape, kind: str) -> Iterable[Document]:
    for start in range(0, len(made.keys), KEYS_HELD):
        yield {"k": made.keys[start : start + KEYS_HELD]}
    for start in range(0, len(made.dates), DATES_HELD):
        yield {"d": made.dates[start : start + DATES_HELD]}
    for start in range(0, len(made.elements), ELEMENTS_HELD):
        yield {"c": made.elements[start : start + ELEMENTS_HELD]}
    for start in range(0, len(made.references), KEYS_HELD):
        yield {"r": made.references[start : start + KEYS_HELD]}
    for name, text in zip(("xa", "xb"), made.texts, strict=True):
        words = text.split()
        for start in range(0, len(words), WORDS_HELD - WORDS_SHARED):
            segment = words[start : start + WORDS_HELD]
            yield {"w": _words(kind, segment), name: " ".join(segment)}
