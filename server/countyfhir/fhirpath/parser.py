"""Tokens of a FHIRPath expression to its tree, by operator precedence (FHIRPath N1 section 6.8)."""

from __future__ import annotations

from decimal import Decimal

from countyfhir.fhirpath.dates import is_valid_literal
from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.lexer import Token, tokens
from countyfhir.fhirpath.syntax import (
    Binary,
    Call,
    Empty,
    Expression,
    Index,
    Literal,
    Member,
    Polarity,
    Special,
    TypeTest,
    Variable,
)
from countyfhir.fhirpath.units import CALENDAR_UNITS

_PRECEDENCE = {
    "implies": 1,
    "or": 2,
    "xor": 2,
    "and": 3,
    "in": 4,
    "contains": 4,
    "=": 5,
    "~": 5,
    "!=": 5,
    "!~": 5,
    "<": 6,
    "<=": 6,
    ">": 6,
    ">=": 6,
    "|": 7,
    "is": 8,
    "as": 8,
    "+": 9,
    "-": 9,
    "&": 9,
    "*": 10,
    "/": 10,
    "div": 10,
    "mod": 10,
}
_POLARITY = 11
_NAMES_AS_WORDS = frozenset({"as", "contains", "in", "is"})
_WORDS = frozenset(_PRECEDENCE) - _NAMES_AS_WORDS
_TYPE_FUNCTIONS = frozenset({"is", "as", "ofType"})
LONGEST_NUMBER = 60
DEEPEST = 50
"""Nesting beyond this is refused: an expression may come from a client."""


def parse(expression: str) -> Expression:
    """The tree of an expression. Raises FhirPathError with the position of the first thing that is wrong."""
    return _Parser(expression).whole()


class _Parser:
    def __init__(self, expression: str) -> None:
        self.tokens = tokens(expression)
        self.next = 0
        self.depth = 0

    def peek(self) -> Token:
        return self.tokens[self.next]

    def take(self) -> Token:
        token = self.tokens[self.next]
        self.next += 1
        return token

    def at(self, text: str) -> bool:
        token = self.tokens[self.next]
        return token.text == text and token.kind in ("operator", "name")

    def expect(self, text: str) -> Token:
        if not self.at(text):
            raise self.unexpected(f"'{text}'")
        return self.take()

    def unexpected(self, wanted: str) -> FhirPathError:
        token = self.peek()
        found = "the end" if token.kind == "end" else f"'{token.text}'"
        return FhirPathError(f"Expected {wanted} but found {found}", token.position)

    def whole(self) -> Expression:
        tree = self.expression(0)
        if self.peek().kind != "end":
            raise self.unexpected("an operator or the end")
        return tree

    def expression(self, above: int) -> Expression:
        self.depth += 1
        if self.depth > DEEPEST:
            raise FhirPathError(f"The expression is nested deeper than {DEEPEST} levels", self.peek().position)
        left = self.polarity()
        while True:
            token = self.peek()
            strength = _PRECEDENCE.get(token.text, 0) if token.kind in ("operator", "name") else 0
            if strength <= above:
                self.depth -= 1
                return left
            self.take()
            if token.text in ("is", "as"):
                left = TypeTest(token.position, token.text, left, self.type_specifier())
            else:
                left = Binary(token.position, token.text, left, self.expression(strength))

    def polarity(self) -> Expression:
        token = self.peek()
        if token.kind == "operator" and token.text in "+-":
            self.take()
            return Polarity(token.position, token.text, self.expression(_POLARITY))
        return self.path()

    def path(self) -> Expression:
        tree = self.term()
        while self.peek().kind == "operator":
            token = self.peek()
            if token.text == ".":
                self.take()
                tree = self.invocation(tree)
            elif token.text == "[":
                self.take()
                tree = Index(token.position, tree, self.expression(0))
                self.expect("]")
            else:
                break
        return tree

    def term(self) -> Expression:
        token = self.peek()
        if token.kind == "name" and token.text in ("true", "false"):
            self.take()
            return Literal(token.position, "System.Boolean", token.text == "true")
        if token.kind in ("name", "delimited"):
            return self.invocation(None)
        if token.kind == "operator":
            return self.bracket()
        if token.kind == "end":
            raise self.unexpected("a value")
        self.take()
        return self.constant(token)

    def bracket(self) -> Expression:
        token = self.peek()
        if token.text == "(":
            self.take()
            tree = self.expression(0)
            self.expect(")")
            return tree
        if token.text == "{":
            self.take()
            self.expect("}")
            return Empty(token.position)
        raise self.unexpected("a value")

    def constant(self, token: Token) -> Expression:
        if token.kind == "number":
            return self.number(token)
        if token.kind == "variable":
            return Variable(token.position, token.text)
        if token.kind == "this":
            return Special(token.position, token.text)
        if token.kind == "string":
            return Literal(token.position, "System.String", token.text)
        return _moment(token)

    def number(self, token: Token) -> Literal:
        if len(token.text) > LONGEST_NUMBER:
            raise FhirPathError(f"A number has {LONGEST_NUMBER} characters at most", token.position)
        whole = "." not in token.text
        unit = self.peek()
        if unit.kind == "string" or (unit.kind == "name" and unit.text in CALENDAR_UNITS):
            self.take()
            text = f"'{unit.text}'" if unit.kind == "string" else unit.text
            return Literal(token.position, "System.Quantity", Decimal(token.text), text)
        value = int(token.text) if whole else Decimal(token.text)
        return Literal(token.position, "System.Integer" if whole else "System.Decimal", value)

    def invocation(self, source: Expression | None) -> Expression:
        token = self.take()
        reserved = token.kind == "name" and token.text in _WORDS and source is None
        if reserved or token.kind not in ("name", "delimited"):
            self.next -= 1
            raise self.unexpected("a name")
        if token.kind == "name" and self.at("("):
            return self.call(source, token)
        return Member(token.position, source, token.text)

    def call(self, source: Expression | None, name: Token) -> Expression:
        self.expect("(")
        if name.text in _TYPE_FUNCTIONS:
            type_name = self.type_specifier()
            self.expect(")")
            return TypeTest(name.position, name.text, source or Special(name.position, "$this"), type_name)
        arguments: list[Expression] = []
        while not self.at(")"):
            if arguments:
                self.expect(",")
            arguments.append(self.expression(0))
        self.expect(")")
        return Call(name.position, source, name.text, tuple(arguments))

    def type_specifier(self) -> str:
        name = self.type_word()
        if name in ("FHIR", "System") and self.at("."):
            self.take()
            name = f"{name}.{self.type_word()}"
        return name

    def type_word(self) -> str:
        token = self.peek()
        if token.kind not in ("name", "delimited", "string"):
            raise self.unexpected("the name of a type")
        return self.take().text


def _moment(token: Token) -> Literal:
    kind = "System.Time" if token.kind == "time" else "System.DateTime" if "T" in token.text else "System.Date"
    text = token.text.rstrip("T")
    if not is_valid_literal(text, kind):
        raise FhirPathError("There is no such date or time", token.position)
    return Literal(token.position, kind, text)
