"""The shapes that search expressions have, read as plain paths (FHIRPath subset; R4 search parameter registry).

Nearly all 3,000 expressions are unions of paths such as ``Patient.name.family``, ``(Observation.value as
Quantity)``, ``Account.subject.where(resolve() is Patient)``; those compile into one walk over the resource.
``branches`` answers None for anything else, which then goes through the FHIRPath engine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\s*(?:(?P<name>%?[A-Za-z_][A-Za-z0-9_]*)|'(?P<text>(?:[^'\\])*)'|(?P<number>\d+)|(?P<sign>[().|=\[\]]))"
)


@dataclass(frozen=True, slots=True)
class Filter:
    """What an element must be: ``resolve`` a reference to the type ``argument``, ``where`` its property equals,
    ``index`` its place in the array (``argument`` a number as text)."""

    kind: str
    argument: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """To a property; ``as_type`` narrows a choice (or checks the type), ``filters`` the elements found there."""

    name: str
    as_type: str | None = None
    filters: tuple[Filter, ...] = ()


@dataclass(frozen=True, slots=True)
class Path:
    """Steps from the element at hand, or from the resource (``%resource``, or the resource type in front)."""

    steps: tuple[Step, ...]
    root: str = ""


class _Beyond(Exception):
    """The expression is more than a union of paths."""


def branches(expression: str) -> tuple[Path, ...] | None:
    """The paths of a union, or None when the expression is not one."""
    tokens = _tokens(expression)
    if tokens is None:
        return None
    try:
        paths = _Reader(tokens).union()
    except _Beyond:
        return None
    return tuple(paths)


def _tokens(expression: str) -> list[tuple[str, str]] | None:
    tokens, place, text = [], 0, expression.rstrip()
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            return None
        tokens.append((found.lastgroup, found[found.lastgroup]))
        place = found.end()
    return tokens


class _Reader:
    """Recursive descent over the tokens; raises _Beyond at the first thing that no path has."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens, self.place = tokens, 0

    def union(self) -> list[Path]:
        paths = self.alternatives()
        if self.place != len(self.tokens):
            raise _Beyond
        return paths

    def alternatives(self) -> list[Path]:
        paths = self.term()
        while self.accept("sign", "|"):
            paths += self.term()
        return paths

    def term(self) -> list[Path]:
        if self.accept("sign", "("):
            paths = self.alternatives()
            self.need("sign", ")")
        else:
            paths = [self.start()]
        while True:
            if self.accept("sign", "."):
                paths = self.invocation(paths)
            elif self.accept("sign", "["):
                paths = [_filtered(path, Filter("index", self.need("number"))) for path in paths]
                self.need("sign", "]")
            elif self.accept("name", "as"):
                paths = [_typed(path, self.peek()) for path in paths]
                self.need("name")
            else:
                return paths

    def start(self) -> Path:
        name = self.need("name")
        if name in ("%resource", "%context") or name[0].isupper():
            return Path((), name)
        if name[0] == "%" or self.peek() == "(":
            raise _Beyond
        return Path((Step(name),))

    def invocation(self, paths: list[Path]) -> list[Path]:
        name = self.need("name")
        if self.peek() != "(":
            return [Path((*path.steps, Step(name)), path.root) for path in paths]
        self.need("sign", "(")
        if name in ("as", "ofType"):
            type_name = self.need("name")
            changed = [_typed(path, type_name) for path in paths]
        elif name == "where":
            condition = self.condition()
            changed = [_filtered(path, condition) for path in paths]
        elif name == "extension":
            step = Step("extension", None, (Filter("where", "url", self.need("text")),))
            changed = [Path((*path.steps, step), path.root) for path in paths]
        else:
            raise _Beyond
        self.need("sign", ")")
        return changed

    def condition(self) -> Filter:
        name = self.need("name")
        if name == "resolve" and self.accept("sign", "("):
            self.need("sign", ")")
            self.need("name", "is")
            return Filter("resolve", self.need("name"))
        self.need("sign", "=")
        return Filter("where", name, self.need("text"))

    def peek(self) -> str:
        return self.tokens[self.place][1] if self.place < len(self.tokens) else ""

    def accept(self, kind: str, text: str) -> bool:
        if self.place < len(self.tokens) and self.tokens[self.place] == (kind, text):
            self.place += 1
            return True
        return False

    def need(self, kind: str, text: str | None = None) -> str:
        if self.place >= len(self.tokens) or self.tokens[self.place][0] != kind:
            raise _Beyond
        found = self.tokens[self.place][1]
        if text is not None and found != text:
            raise _Beyond
        self.place += 1
        return found


def _typed(path: Path, type_name: str) -> Path:
    """``as`` on the last step; a path that is already narrowed or filtered is beyond us."""
    if not path.steps or path.steps[-1].as_type or path.steps[-1].filters:
        raise _Beyond
    last = path.steps[-1]
    return Path((*path.steps[:-1], Step(last.name, type_name)), path.root)


def _filtered(path: Path, condition: Filter) -> Path:
    nested_index = condition.kind == "index" and (len(path.steps) != 1 or path.steps[0].filters)
    if not path.steps or nested_index:
        raise _Beyond
    last = path.steps[-1]
    return Path((*path.steps[:-1], Step(last.name, last.as_type, (*last.filters, condition))), path.root)
