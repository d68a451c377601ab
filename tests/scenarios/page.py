"""Reads a page of docs/scenarios: who takes part, the requests, and what must come back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_BLOCK = re.compile(r"^```(http|expect)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^```csv (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_WHO = re.compile(r"^\| `([\w-]+)` \| `([\w.-]+)` \| ([^|]*)\|", re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """A request (method, path, headers, body as written) and the lines of what is expected; ``line`` in the page."""

    line: int
    method: str
    path: str
    headers: dict[str, str]
    body: str
    expected: list[str]


@dataclass(frozen=True)
class Page:
    """The steps, who sends (name -> Organization id, roles and scopes as written), and the files it shows."""

    path: Path
    who: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)


def read(path: Path) -> Page:
    """A page; an assertion says what is wrong with it."""
    text = path.read_text(encoding="utf-8")
    who = {name: (organization, re.findall(r"`([^`]+)`", told)) for name, organization, told in _WHO.findall(text)}
    return Page(path, who, list(_steps(text, path)), dict(_FILE.findall(text)))


def _steps(text: str, path: Path) -> Iterator[Step]:
    blocks = [(one[1], one[2], text.count("\n", 0, one.start()) + 1) for one in _BLOCK.finditer(text)]
    for (kind, content, line), following in zip(blocks, [*blocks[1:], ("", "", 0)], strict=True):
        if kind != "http":
            continue
        expected = following[1].splitlines() if following[0] == "expect" else []
        assert expected, f"{path.name}:{line}: a request without what is expected"
        head, _, body = content.partition("\n\n")
        first, *rest = head.splitlines()
        method, _, target = first.partition(" ")
        headers = {name.strip(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
        yield Step(line, method, target.strip(), headers, body.strip(), expected)
