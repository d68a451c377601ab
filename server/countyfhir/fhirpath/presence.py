"""What an invariant says of an object by the names of its elements alone: most are settled by what is absent
(FHIRPath N1 section 6.5: connectives over three values).

An invariant such as ``data.empty() or contentType.exists()`` never needs the values, and ``start <= end`` needs none
where one of the two is missing: the answer is the same for every object with the same names, and is found once.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Final

from countyfhir.fhirpath.closures.paths import is_type_name
from countyfhir.fhirpath.syntax import (
    Binary,
    Call,
    Empty,
    Expression,
    Index,
    Literal,
    Member,
    Polarity,
    TypeTest,
    Variable,
)


class Unsettled:
    """The answer depends on values."""


UNSETTLED: Final = Unsettled()
Answer = bool | None | Unsettled
Decide = Callable[[Expression], bool | None]
"""Evaluates a part of the invariant on the object at hand."""

_FUNCTIONS = """
    where select all exists empty first last tail not count isDistinct matches startsWith endsWith contains resolve
    ofType is as extension toInteger hasValue children descendants intersect substring toString
"""
_OF_NOTHING = frozenset(_FUNCTIONS.split())
"""Functions whose result for an empty input does not depend on their arguments."""
_CONSTANTS = frozenset(("ucum", "sct", "loinc"))


def settled(tree: Expression, names: Set[str], decide: Decide) -> Answer:
    """The answer for every object that has exactly the elements ``names``, or UNSETTLED. ``decide`` evaluates parts."""
    if isinstance(tree, Binary) and tree.operator in _CONNECTIVES:
        return _CONNECTIVES[tree.operator](settled(tree.left, names, decide), settled(tree.right, names, decide))
    return decide(tree) if _is_constant(tree, names) else UNSETTLED


def _is_constant(tree: Expression, names: Set[str]) -> bool:
    if isinstance(tree, Literal | Empty):
        return True
    if isinstance(tree, Variable):
        return tree.name in _CONSTANTS
    if isinstance(tree, Binary):
        return _is_constant(tree.left, names) and _is_constant(tree.right, names)
    if isinstance(tree, Polarity):
        return _is_constant(tree.operand, names)
    if isinstance(tree, Call) and tree.source is not None and not tree.arguments:
        if tree.name in ("exists", "empty") and _is_present(tree.source):
            return True
        if tree.name in ("not", "exists", "empty", "count"):
            return _is_constant(tree.source, names)
    return _is_absent(tree, names)


def _is_present(tree: Expression) -> bool:
    """Whether the tree is an element of the object, or a union of such: it has values when one of them is there."""
    if isinstance(tree, Binary) and tree.operator == "|":
        return _is_present(tree.left) and _is_present(tree.right)
    return _head(tree) is not None


def _is_absent(tree: Expression, names: Set[str]) -> bool:
    """Whether the tree is a path that starts at an element which is not there."""
    head = _head(tree)
    if head is not None:
        return head not in names
    if isinstance(tree, Call):
        return tree.source is not None and tree.name in _OF_NOTHING and _is_absent(tree.source, names)
    if isinstance(tree, Member | TypeTest | Index):
        return tree.source is not None and _is_absent(tree.source, names)
    return False


def _head(tree: Expression) -> str | None:
    """The name of an element of ``$this``, also as ``Patient.name``."""
    if not isinstance(tree, Member) or is_type_name(tree):
        return None
    return tree.name if tree.source is None or is_type_name(tree.source) else None


def _and(left: Answer, right: Answer) -> Answer:
    if left is False or right is False:
        return False
    if isinstance(left, Unsettled) or isinstance(right, Unsettled):
        return UNSETTLED
    return None if left is None or right is None else True


def _or(left: Answer, right: Answer) -> Answer:
    if left is True or right is True:
        return True
    if isinstance(left, Unsettled) or isinstance(right, Unsettled):
        return UNSETTLED
    return None if left is None or right is None else False


def _not(answer: Answer) -> Answer:
    return answer if answer is None or isinstance(answer, Unsettled) else not answer


def _xor(left: Answer, right: Answer) -> Answer:
    if isinstance(left, Unsettled) or isinstance(right, Unsettled):
        return UNSETTLED
    return None if left is None or right is None else left is not right


_CONNECTIVES: dict[str, Callable[[Answer, Answer], Answer]] = {
    "and": _and,
    "or": _or,
    "xor": _xor,
    "implies": lambda left, right: _or(_not(left), right),
}
