"""What a FHIRPath function is to the compiler: its Python function, how its arguments are given, its result type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.item import EMPTY, Node, Nodes, kind_of
from countyfhir.fhirpath.quantity import number_of
from countyfhir.fhirpath.scope import Scope

Run = Callable[[Scope, Nodes], Nodes]
"""A compiled expression: evaluates on a focus."""
Predicate = Callable[[Scope, Nodes], "bool | None"]
"""A compiled criterion: three-valued."""


@dataclass(frozen=True, slots=True)
class Function:
    """One entry of the table of functions.

    ``arguments``: ``values`` (evaluated on the outer focus, given as collections), ``lambda`` (given as Run, evaluated
    by the function on what it chooses) or ``criterion`` (given as Predicate). ``result``: a type name, ``input`` (the
    types of the input), ``argument`` (those of the first argument), or None. ``ordered``: whether the order of the
    result means something; ``needs_order``: whether the function may only be used on such input (strict mode).
    """

    run: Callable[..., Nodes]
    minimum: int = 0
    maximum: int = 0
    arguments: str = "values"
    result: str | None = None
    ordered: bool = True
    needs_order: bool = False


BOOLEAN = "System.Boolean"
STRING = "System.String"
INTEGER = "System.Integer"


def single(nodes: Nodes, what: str = "The input") -> Node | None:
    """The only node, None for an empty collection. Raises FhirPathError for several."""
    if not nodes:
        return None
    if len(nodes) > 1:
        raise FhirPathError(f"{what} must be a single value, but there are {len(nodes)}")
    return nodes[0]


def single_string(nodes: Nodes, what: str = "The input") -> str | None:
    """The only string (also a date or time as written). Raises FhirPathError for other kinds."""
    node = single(nodes, what)
    if node is None or node[0] is None:
        return None
    if not isinstance(node[0], str):
        raise FhirPathError(f"{what} must be a string, not a {kind_of(node)} value")
    return node[0]


def single_integer(nodes: Nodes, what: str) -> int | None:
    """The only integer. Raises FhirPathError for other kinds."""
    node = single(nodes, what)
    if node is None or node[0] is None:
        return None
    value = node[0]
    if isinstance(value, bool) or not isinstance(value, int):
        raise FhirPathError(f"{what} must be an integer, not a {kind_of(node)} value")
    return value


def single_number(nodes: Nodes, what: str = "The input") -> Any:
    """The only number (int or Decimal). Raises FhirPathError for other kinds."""
    node = single(nodes, what)
    if node is None or node[0] is None:
        return None
    if kind_of(node) != "number":
        raise FhirPathError(f"{what} must be a number, not a {kind_of(node)} value")
    return number_of(node[0])


def truth(nodes: Nodes) -> bool | None:
    """A collection as a criterion: empty is None, a single value that is no boolean is true (FHIRPath N1 4.5)."""
    if not nodes:
        return None
    if len(nodes) > 1:
        raise FhirPathError(f"A criterion must be a single value, but there are {len(nodes)}")
    value = nodes[0][0]
    if value.__class__ is bool:
        return bool(value)
    return None if value is None and kind_of(nodes[0]) == "boolean" else True


def nothing(nodes: Nodes) -> Nodes:
    """The empty collection, whatever the input."""
    return EMPTY
