"""The text of ``_filter`` as a tree: comparisons joined by and, or, not and parentheses (R4 page "Filter parameter").

``and`` binds more than ``or``. A value is a JSON string, or runs to the next space or closing bracket.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from countyfhir.search.refusals import malformed

FILTER = "_filter"
MOST_COMPARISONS = 100
DEEPEST = 30

_STEP = re.compile(r"[A-Za-z_][\w\-]*(?::[A-Za-z]+)?", re.ASCII)
_WORD = re.compile(r"[A-Za-z]+", re.ASCII)
_VALUE = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s()\[\]"]+')
_SPACE = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Step:
    """One link of a path; ``where`` narrows what it leads to."""

    name: str
    where: Node | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """``path operator value``."""

    path: tuple[Step, ...]
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Joined:
    """``word`` is and, or, or not (of one)."""

    word: str
    nodes: tuple[Node, ...]


Node = Comparison | Joined


def read(text: str) -> Node:
    """The tree of a filter; FhirError 400 that says what was expected, and at which character."""
    return _Reader(text).whole()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.place, self.depth, self.comparisons = text, 0, 0, 0

    def whole(self) -> Node:
        node = self.joined("or")
        self.skip()
        if self.place < len(self.text):
            raise self.expected("and, or, or the end")
        return node

    def joined(self, word: str) -> Node:
        """Alternatives, or what must hold together."""
        nodes = [self.part(word)]
        while self.takes_word(word):
            nodes.append(self.part(word))
        return nodes[0] if len(nodes) == 1 else Joined(word, tuple(nodes))

    def part(self, word: str) -> Node:
        return self.joined("and") if word == "or" else self.operand()

    def operand(self) -> Node:
        place = self.place
        if self.takes_word("not") and self.takes("("):
            return Joined("not", (self.bracketed(")"),))
        self.place = place
        return self.bracketed(")") if self.takes("(") else self.comparison()

    def bracketed(self, closing: str) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise malformed(FILTER, f"it is nested more than {DEEPEST} deep")
        node = self.joined("or")
        if not self.takes(closing):
            raise self.expected(f"and, or, or {closing}")
        self.depth -= 1
        return node

    def comparison(self) -> Comparison:
        self.comparisons += 1
        if self.comparisons > MOST_COMPARISONS:
            raise malformed(FILTER, f"it has more than {MOST_COMPARISONS} comparisons")
        path = [self.step()]
        while self.text.startswith(".", self.place):
            self.place += 1
            path.append(self.step())
        if path[-1].where is not None:
            raise self.expected("a dot and a parameter after ]")
        operator = self.matched(_WORD, "an operator (eq, ne, co …)")
        value = self.matched(_VALUE, "a value")
        return Comparison(tuple(path), operator, self.plain(value))

    def step(self) -> Step:
        name = self.matched(_STEP, "a search parameter")
        if not self.text.startswith("[", self.place):
            return Step(name)
        self.place += 1
        return Step(name, self.bracketed("]"))

    def plain(self, value: str) -> str:
        if not value.startswith('"'):
            return value
        try:
            return str(json.loads(value, strict=False))
        except ValueError:
            raise self.expected("a JSON string before this place") from None

    def matched(self, pattern: re.Pattern[str], expected: str) -> str:
        self.skip()
        found = pattern.match(self.text, self.place)
        if found is None:
            raise self.expected(expected)
        self.place = found.end()
        return found[0]

    def takes_word(self, word: str) -> bool:
        self.skip()
        found = _WORD.match(self.text, self.place)
        if found is None or found[0].lower() != word:
            return False
        self.place = found.end()
        return True

    def takes(self, sign: str) -> bool:
        self.skip()
        if not self.text.startswith(sign, self.place):
            return False
        self.place += 1
        return True

    def skip(self) -> None:
        found = _SPACE.match(self.text, self.place)
        self.place = found.end() if found else self.place

    def expected(self, what: str) -> Exception:
        return malformed(FILTER, f"{what} is expected at character {self.place + 1}")
