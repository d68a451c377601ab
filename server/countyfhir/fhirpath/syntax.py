"""The tree of a parsed FHIRPath expression (FHIRPath N1, grammar)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: ``type_name`` is a System type; ``unit`` is set for a Quantity."""

    position: int
    type_name: str
    value: bool | int | Decimal | str
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Empty:
    """``{}``."""

    position: int


@dataclass(frozen=True, slots=True)
class Variable:
    """``%name``."""

    position: int
    name: str


@dataclass(frozen=True, slots=True)
class Special:
    """``$this``, ``$index`` or ``$total``."""

    position: int
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """``source.name``; without a source the name is the head of a path."""

    position: int
    source: Expression | None
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """``source.name(arguments)``; without a source the input is the focus."""

    position: int
    source: Expression | None
    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """``source[index]``."""

    position: int
    source: Expression
    index: Expression


@dataclass(frozen=True, slots=True)
class Polarity:
    """``+operand`` or ``-operand``."""

    position: int
    sign: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """``left operator right``."""

    position: int
    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class TypeTest:
    """``source is type`` or ``source as type``; ``type_name`` may be qualified (``FHIR.Patient``)."""

    position: int
    operator: str
    source: Expression
    type_name: str


Expression = Literal | Empty | Variable | Special | Member | Call | Index | Polarity | Binary | TypeTest


def parts(tree: Expression) -> tuple[Expression, ...]:
    """The direct parts of a tree."""
    if isinstance(tree, Member):
        return (tree.source,) if tree.source else ()
    if isinstance(tree, Call):
        return ((tree.source,) if tree.source else ()) + tree.arguments
    if isinstance(tree, Index):
        return (tree.source, tree.index)
    if isinstance(tree, Binary):
        return (tree.left, tree.right)
    if isinstance(tree, Polarity):
        return (tree.operand,)
    return (tree.source,) if isinstance(tree, TypeTest) else ()


def walk(tree: Expression) -> Iterator[Expression]:
    """The tree and everything in it."""
    yield tree
    for part in parts(tree):
        yield from walk(part)


def uses_special(tree: Expression, name: str) -> bool:
    """Whether ``$index`` or ``$total`` occurs in the tree."""
    return any(isinstance(node, Special) and node.name == name for node in walk(tree))
