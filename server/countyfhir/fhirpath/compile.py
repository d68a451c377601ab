"""Text of an expression to something that can be called: the door of this room (FHIRPath N1, FHIR R4 section 2.26)."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

from countyfhir.fhirpath.closures import build, surroundings
from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.functions.table import truth
from countyfhir.fhirpath.item import Item, Nodes, nodes_of
from countyfhir.fhirpath.parser import parse
from countyfhir.fhirpath.place import Location, Place, location_of
from countyfhir.fhirpath.scope import NOTHING_GIVEN, Given, Scope
from countyfhir.fhirpath.syntax import Expression as Tree

_item = partial(tuple.__new__, Item)


class Expression:
    """A compiled expression; calling it evaluates. It holds no state of an evaluation, so threads may share it."""

    __slots__ = ("_run", "text", "tree", "type_name", "types")

    def __init__(self, text: str, type_name: str | None, strict: bool) -> None:
        self.text = text
        self.type_name = type_name
        try:
            self.tree: Tree = parse(text)
            code = build(self.tree, surroundings(self.tree, type_name, strict))
        except RecursionError:
            raise FhirPathError("The expression is too long or nested too deeply") from None
        self._run = code.run
        self.types = code.types
        """The types the results can have; None when not known."""

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
        return self.run(Scope(focus, resource, root, given), focus)

    def run(self, scope: Scope, focus: Nodes) -> Nodes:
        """The results in a scope; whatever stops the evaluation is a FhirPathError."""
        try:
            return self._run(scope, focus)
        except RecursionError:
            raise FhirPathError("The expression is nested too deeply to be evaluated") from None
        except ArithmeticError as problem:
            raise FhirPathError("A number is beyond what can be calculated") from problem
        except (TypeError, AttributeError, ValueError) as problem:
            raise FhirPathError("A value of the input is not of the type its element has") from problem

    def holds(
        self,
        value: Any,
        *,
        resource: dict[str, Any] | None = None,
        root: dict[str, Any] | None = None,
        given: Given = NOTHING_GIVEN,
    ) -> bool | None:
        """The answer of an invariant or criterion: True, False, or None when the result is empty."""
        return truth(self.nodes(value, resource, root, given))


@lru_cache(maxsize=8192)
def _compiled(expression: str, type_name: str | None, strict: bool) -> Expression:
    return Expression(expression, type_name, strict)


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
        found = [location_of(node) for node in compile(expression, type_name).run(scope, focus)]
    except ValueError as problem:
        raise FhirPathError(str(problem)) from None
    return list({location.path: location for location in found}.values())
