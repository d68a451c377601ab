"""The answers of a QuestionnaireResponse by linkId, however deep they are nested (R4 section 14.12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from countyfhir.exchange import Resource

Answers = dict[str, list[Any]]
"""linkId -> values: str, Decimal, int, bool, or a Coding, Quantity, Reference."""


def answers_of(response: Resource) -> Answers:
    """What was answered; empty answers are left out."""
    found: Answers = {}
    for link, answer in _walk(response.get("item", ())):
        value = next((answer[name] for name in answer if name.startswith("value")), None)
        if value is not None and value != "":
            found.setdefault(link, []).append(value)
    return found


def _walk(items: Iterable[Resource]) -> Iterator[tuple[str, Resource]]:
    for item in items:
        for answer in item.get("answer", ()):
            yield str(item.get("linkId")), answer
            yield from _walk(answer.get("item", ()))
        yield from _walk(item.get("item", ()))


def first(answers: Answers, link: str | None) -> Any:
    """The first answer, or None."""
    return next(iter(answers.get(link or "", ())), None)


def words(value: Any) -> str:
    """An answer as words: the display of a Coding, else the text."""
    if isinstance(value, dict):
        return str(value.get("display") or value.get("code") or "")
    return str(value) if value is not None else ""
