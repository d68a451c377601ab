"""The small questions that are asked of a stored resource: its words, codes, dates, values."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

Resource = dict[str, Any]


def same_text(one: Any, other: Any) -> bool:
    """Whether two texts are the same but for width, case and blanks."""
    return plain(one) == plain(other)


def plain(text: Any) -> str:
    return "".join(unicodedata.normalize("NFKC", str(text)).split()).casefold()


def words(node: Any) -> Iterator[str]:
    """Every text inside a resource."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for part in node.values():
            yield from words(part)
    elif isinstance(node, list):
        for part in node:
            yield from words(part)


def says(resource: Resource, text: Any) -> bool:
    """Whether the text stands anywhere in the resource, alone or inside another."""
    wanted = plain(text)
    return any(wanted in plain(word) for word in words(resource))


def codes(concept: Resource | None) -> set[str]:
    """The codes of a CodeableConcept, in small letters."""
    return {str(coding.get("code", "")).casefold() for coding in (concept or {}).get("coding", ())}


def labels(concept: Resource | None) -> set[str]:
    """The texts and displays of a CodeableConcept."""
    concept = concept or {}
    shown = [concept.get("text", ""), *(coding.get("display", "") for coding in concept.get("coding", ()))]
    return {plain(text) for text in shown if text}


def means(concept: Resource | None, fact: Resource) -> bool:
    """Whether the concept has one of the codes or texts of a fact."""
    wanted = {str(code).casefold() for code in fact.get("codes") or ()}
    named = {plain(text) for text in fact.get("texts") or ()}
    return bool(codes(concept) & wanted or labels(concept) & named)


def identifiers(resource: Resource) -> set[str]:
    """The values of its identifiers."""
    found = resource.get("identifier") or []
    return {str(one.get("value", "")) for one in (found if isinstance(found, list) else [found])}


def dated(resource: Resource, date: str | None, *names: str) -> bool:
    """Whether one of the named elements has the date, at the precision that the fact has."""
    if not date:
        return True
    return any(str(value).startswith(date) for name in names if (value := element(resource, name)))


def element(resource: Any, path: str) -> Any:
    """The value behind ``a.b``; None when it is absent."""
    for name in path.split("."):
        resource = resource.get(name) if isinstance(resource, dict) else None
    return resource


def status_holds(stored: Any, wanted: str | None) -> bool:
    """Whether a status is the one of a fact; ``!x`` means anything but x."""
    if not wanted:
        return True
    return bool(stored != wanted[1:] if wanted.startswith("!") else stored == wanted)
