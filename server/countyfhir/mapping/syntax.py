"""The expression language of mapping files: text -> syntax tree. Grammar in docs/map-a-legacy-system.md.

or -> and -> not -> comparisons and pipes (``column | function(argument)``), from left to right -> primary.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

TOKEN = re.compile(
    r"\s*(?:(?P<text>'[^']*'|\"[^\"]*\")|(?P<number>-?\d+(?:\.\d+)?)|(?P<quoted>`[^`]+`)|(?P<name>[^\W\d]\w*)"
    r"|(?P<sign>!=|<=|>=|[=<>|()\[\],.]))"
)
COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
WORDS = ("and", "or", "not", "in", "true", "false")


class ExpressionError(ValueError):
    """The text of an expression cannot be used; the message says where and what was expected."""


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any


@dataclass(frozen=True, slots=True)
class Path:
    name: str
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListOf:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    arguments: tuple[Node, ...]
    piped: bool = False  # the first argument came through '|'


@dataclass(frozen=True, slots=True)
class Operation:
    operator: str  # and, or, not, in, = != < <= > >=
    operands: tuple[Node, ...]


Node = Literal | Path | ListOf | Call | Operation


def parse(text: str) -> Node:
    """The tree of ``text``; ExpressionError names the place where reading stopped."""
    reader = Reader(text)
    node = reader.disjunction()
    reader.end()
    return node


class Reader:
    """Reads tokens from left to right, one method a level of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        self.position = 0
        self.tokenize()

    def tokenize(self) -> None:
        at = 0
        while self.text[at:].strip():
            match = TOKEN.match(self.text, at)
            if match is None:
                raise ExpressionError(f"unexpected {self.text[at:].strip()[0]!r} in '{self.text}'")
            self.tokens.append((str(match.lastgroup), match[match.lastgroup or 0], match.start(match.lastgroup or 0)))
            at = match.end()

    def peek(self) -> str:
        return self.tokens[self.position][1] if self.position < len(self.tokens) else ""

    def take(self, *expected: str) -> str | None:
        if self.position < len(self.tokens) and self.peek() in expected:
            self.position += 1
            return self.tokens[self.position - 1][1]
        return None

    def need(self, sign: str) -> None:
        if self.take(sign) is None:
            raise ExpressionError(f"expected '{sign}' {self.place()}")

    def place(self) -> str:
        return f"at '{self.peek()}' in '{self.text}'" if self.peek() else f"at the end of '{self.text}'"

    def end(self) -> None:
        if self.peek():
            raise ExpressionError(f"nothing more was expected {self.place()}")

    def disjunction(self) -> Node:
        operands = [self.conjunction()]
        while self.take("or"):
            operands.append(self.conjunction())
        return operands[0] if len(operands) == 1 else Operation("or", tuple(operands))

    def conjunction(self) -> Node:
        operands = [self.negation()]
        while self.take("and"):
            operands.append(self.negation())
        return operands[0] if len(operands) == 1 else Operation("and", tuple(operands))

    def negation(self) -> Node:
        return Operation("not", (self.negation(),)) if self.take("not") else self.comparison()

    def comparison(self) -> Node:
        """Pipes and comparisons read from left to right: ``a = 'x' | choose(b, c)`` chooses by the comparison."""
        node = self.primary()
        while True:
            if operator := self.take(*COMPARISONS, "in"):
                node = Operation(operator, (node, self.primary()))
            elif self.take("|"):
                name = self.name()
                node = Call(name, (node, *(self.arguments() if self.take("(") else ())), piped=True)
            else:
                return node

    def name(self) -> str:
        kind, text, _ = self.tokens[self.position] if self.position < len(self.tokens) else ("", "", 0)
        if kind not in ("name", "quoted") or text in WORDS:
            raise ExpressionError(f"expected a name {self.place()}")
        self.position += 1
        return text.strip("`")

    def arguments(self) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self.take(")"):
            if found:
                self.need(",")
            found.append(self.disjunction())
        return tuple(found)

    def primary(self) -> Node:
        if self.take("("):
            node = self.disjunction()
            self.need(")")
            return node
        if self.take("["):
            items = [self.disjunction()]
            while self.take(","):
                items.append(self.disjunction())
            self.need("]")
            return ListOf(tuple(items))
        return self.literal() or self.reference()

    def literal(self) -> Node | None:
        kind, text, _ = self.tokens[self.position] if self.position < len(self.tokens) else ("", "", 0)
        if kind not in ("text", "number") and text not in ("true", "false"):
            return None
        self.position += 1
        if kind == "text":
            return Literal(text[1:-1])
        return Literal(Decimal(text)) if kind == "number" else Literal(text == "true")

    def reference(self) -> Node:
        name = self.name()
        if self.take("("):
            return Call(name, self.arguments())
        members = []
        while self.take("."):
            members.append(self.name())
        return Path(name, tuple(members))
