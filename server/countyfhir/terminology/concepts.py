"""A concept of a code system, as the index keeps it and as CodeSystem.concept has it (R4 section 4.8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_PROPERTIES = "http://hl7.org/fhir/concept-properties#"
PARENTS = ("parent", "subsumedBy")
"""Properties that name what a concept stands below."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A concept on its way into the index. ``designations`` and ``properties`` are elements as CodeSystem.concept has
    them; ``parents`` are codes of the same system, which may come later."""

    code: str
    display: str | None = None
    definition: str | None = None
    designations: tuple[Mapping[str, Any], ...] = ()
    properties: tuple[Mapping[str, Any], ...] = ()
    parents: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    abstract: bool = False
    inactive: bool = False
    extensions: tuple[Mapping[str, Any], ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


class Meanings:
    """Which properties of a code system say that a concept is inactive, not selectable or below another; by their uri,
    or by their usual names."""

    def __init__(self, header: Mapping[str, Any]) -> None:
        declared = {one.get("uri"): one.get("code") for one in header.get("property", ()) if one.get("uri")}

        def named(*names: str) -> frozenset[str]:
            return frozenset(
                (*names, *(str(declared[uri]) for uri in (_PROPERTIES + n for n in names) if uri in declared))
            )

        self.inactive, self.status = named("inactive"), named("status")
        self.abstract = named("notSelectable", "abstract")
        self.parents, self.children = named(*PARENTS), named("child")


def value_of(element: Mapping[str, Any]) -> Any:
    """The value[x] of a concept property; None when it has none."""
    return next((value for name, value in element.items() if name.startswith("value")), None)


def value_text(value: Any) -> str:
    """A property's value as filters compare it: codes and texts as they are, true and false, a Coding's code."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return str(value.get("code", ""))
    return str(value)


def entries_of(header: Mapping[str, Any], concepts: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    """The concepts of a CodeSystem resource with what they hold below them, in the order they are written."""
    meanings = Meanings(header)
    waiting: list[tuple[Mapping[str, Any], str | None]] = [(one, None) for one in reversed(list(concepts))]
    while waiting:
        concept, parent = waiting.pop()
        yield _entry(concept, parent, meanings)
        below = concept.get("concept", ())
        waiting += [(one, concept["code"]) for one in reversed(below)]


_TAKEN = frozenset({"code", "display", "definition", "designation", "property", "concept", "extension"})


def _entry(concept: Mapping[str, Any], parent: str | None, meanings: Meanings) -> Entry:
    properties = tuple(concept.get("property", ()))
    valued = [(str(one.get("code")), value_of(one)) for one in properties]
    parents = [str(value) for code, value in valued if code in meanings.parents]
    return Entry(
        concept["code"],
        concept.get("display"),
        concept.get("definition"),
        tuple(concept.get("designation", ())),
        properties,
        tuple(dict.fromkeys([parent, *parents] if parent is not None else parents)),
        tuple(str(value) for code, value in valued if code in meanings.children),
        any(code in meanings.abstract and value in (True, "true") for code, value in valued),
        any(
            (code in meanings.inactive and value in (True, "true"))
            or (code in meanings.status and value in ("retired", "inactive"))
            for code, value in valued
        ),
        tuple(concept.get("extension", ())),
        {name: value for name, value in concept.items() if name not in _TAKEN},
    )
