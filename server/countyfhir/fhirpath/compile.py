"""Text of an expression to something that can be called: the door of this room (FHIRPath N1, FHIR R4 section 2.26)."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

from countyfhir.fhirpath.closures import build, surroundings
from countyfhir.fhirpath.closures.criteria import criterion
from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.functions.table import Predicate
from countyfhir.fhirpath.item import Item, Nodes, nodes_of
from countyfhir.fhirpath.parser import parse
from countyfhir.fhirpath.place import Location, Place, location_of
from countyfhir.fhirpath.scope import NOTHING_GIVEN, Given, Scope
from countyfhir.fhirpath.syntax import Expression as Tree

_item = partial(tuple.__new__, Item)
LONGEST_EXPRESSION = 50_000


class Expression:
    """A compiled expression; calling it evaluates. It holds no state of an evaluation, so threads may share it."""

    __slots__ = ("_around", "_decide", "_run", "text", "tree", "type_name", "types")

    def __init__(self, text: str, type_name: str | None, strict: bool) -> None:
        if len(text) > LONGEST_EXPRESSION:
            raise FhirPathError(f"An expression has {LONGEST_EXPRESSION} characters at most", LONGEST_EXPRESSION)
        self.text = text
        self.type_name = type_name
        try:
            self.tree: Tree = parse(text)
            self._around = surroundings(self.tree, type_name, strict)
            code = build(self.tree, self._around)
        except RecursionError:
            raise FhirPathError("The expression is too long or nested too deeply") from None
        self._run = code.run
        self._decide: Predicate | None = None
        self.types = code.types
        """The types the results can have; None when not known."""

    def part(self, tree: Tree) -> Expression:
        """A part of the tree as an expression of its own, on the same ``$this``."""
        part = object.__new__(Expression)
        part.text, part.type_name, part.tree, part._around = self.text, self.type_name, tree, self._around
        code = build(tree, self._around)
        part._run, part._decide, part.types = code.run, None, code.types
        return part

    def __call__(
        self,
        value: Any,
        *,
        resource: dict[str, Any] | None = None,
        root: dict[str, Any] | None = None,
        given: Given = NOTHING_GIVEN,
        **options: Any,
    ) -> list[Item]:
        """The results on a resource or other value (dict, Item, plain Python, or a list of them).

        ``resource`` and ``root`` are ``%resource`` and ``%rootResource`` where the value is an element; ``given``, or
        as keywords its fields (resolve, variables, member_of, subsumes, conforms_to, trace, canonical_unit, now) are
        what the caller gives. Raises FhirPathError when the expression cannot be evaluated on this value."""
        if options:
            given = Given(**options)
        return [_item(node) for node in self.nodes(value, resource, root, given)]

    def nodes(
        self,
        value: Any,
        resource: dict[str, Any] | None = None,
        root: dict[str, Any] | None = None,
        given: Given = NOTHING_GIVEN,
    ) -> Nodes:
        """The results as plain ``(value, type_name, sibling)`` tuples, a little faster than Items."""
        if value.__class__ is dict and "resourceType" in value:
            focus: Nodes = [(value, value["resourceType"], None)]
        else:
            focus = nodes_of(value, self.type_name)
        try:
            return self._run(Scope(focus, resource, root, given), focus)
        except _STOPS as problem:
            raise _stopped(problem) from problem

    def run(self, scope: Scope, focus: Nodes) -> Nodes:
        """The results in a scope; whatever stops the evaluation is a FhirPathError."""
        try:
            return self._run(scope, focus)
        except _STOPS as problem:
            raise _stopped(problem) from problem

    def holds(
        self,
        value: Any,
        *,
        resource: dict[str, Any] | None = None,
        root: dict[str, Any] | None = None,
        given: Given = NOTHING_GIVEN,
    ) -> bool | None:
        """The answer of an invariant or criterion: True, False, or None when the result is empty (FHIR's own invariants
        rely on an empty result not being a violation)."""
        focus = nodes_of(value, self.type_name)
        if self._decide is None:
            self._decide = criterion(self.tree, self._around)
        try:
            return self._decide(Scope(focus, resource, root, given), focus)
        except _STOPS as problem:
            raise _stopped(problem) from problem


_STOPS = (RecursionError, ArithmeticError, TypeError, AttributeError, ValueError)


def _stopped(problem: Exception) -> FhirPathError:
    """What to say when Python, not the engine, ends an evaluation."""
    if isinstance(problem, RecursionError):
        return FhirPathError("The expression is nested too deeply to be evaluated")
    if isinstance(problem, ArithmeticError):
        return FhirPathError("A number is beyond what can be calculated")
    return FhirPathError("A value of the input is not of the type its element has")


_compiled = lru_cache(maxsize=8192)(Expression)
"""Expressions of definitions and mappings."""
_of_clients = lru_cache(maxsize=256)(Expression)
"""Expressions of patches: any client can send new ones, so few are kept."""


def compile(  # noqa: A001 - the word of the field; callers import it by name
    expression: str, type_name: str | None = None, *, strict: bool = False
) -> Expression:
    """The compiled expression, cached. ``type_name`` is the type it will be evaluated on (``Patient``, ``HumanName``).

    Strict: elements that no type has, JSON names of choices (``valueQuantity``), ``as`` on several values and indexes
    into unordered collections are errors, as the official cases have it; otherwise they are empty or taken, as HL7's
    own search expressions need. Raises FhirPathError with the position of what is wrong."""
    return _compiled(expression, type_name, strict)


def locate(expression: str, resource: dict[str, Any], *, given: Given = NOTHING_GIVEN) -> list[Location]:
    """Where the results stand in the resource, in order, each place once (FHIRPath Patch).

    Raises FhirPathError when the expression is wrong or computes a value that stands nowhere in the resource."""
    type_name = resource.get("resourceType", "Element")
    focus: Nodes = [(resource, type_name, None, Place(None, "", None, type_name))]
    scope = Scope(focus, None, None, given)
    scope.locating = True
    try:
        found = [location_of(node) for node in _of_clients(expression, type_name, False).run(scope, focus)]
    except ValueError as problem:
        raise FhirPathError(str(problem)) from None
    return list({location.path: location for location in found}.values())
