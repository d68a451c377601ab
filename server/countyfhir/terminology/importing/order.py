"""What to import: the file, what it is, and what it does not say itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from countyfhir.terminology.concepts import Entry

Tell = Callable[[int, int], None]
"""Is told (bytes read, bytes in all)."""


class ImportProblem(ValueError):
    """A file cannot be imported; the message says why and what to do."""


@dataclass(frozen=True)
class Order:
    """An import as it was asked for; what is None is taken from the file or the usual."""

    path: Path
    system: str | None = None
    version: str | None = None
    title: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None
    sheet: str | None = None
    language_refset: str | None = None
    tell: Tell = lambda done, total: None


@dataclass(frozen=True)
class Import:
    """A code system to be written: the CodeSystem without concepts, and these as a stream that is read once. ``notes``
    may grow while it is read."""

    header: dict[str, Any]
    entries: Iterator[Entry]
    notes: list[str] = field(default_factory=list)


def header(url: str, version: str, title: str, **more: Any) -> dict[str, Any]:
    """The CodeSystem without its concepts."""
    made = {"resourceType": "CodeSystem", "language": "zh-CN", "url": url, "version": version, "title": title}
    return made | {"status": "active", "content": "complete", "caseSensitive": True, "hierarchyMeaning": "is-a"} | more
