"""What a compiled tree is: a closure ``run(scope, focus) -> nodes`` and what is known of its result.

``focus`` is ``$this`` as a collection. The types of the result serve strict expressions, which are refused when they
name what no type has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.functions.table import Run
from countyfhir.fhirpath.item import Nodes
from countyfhir.fhirpath.scope import Scope
from countyfhir.fhirpath.syntax import Call, Expression, walk

Types = frozenset[str] | None
BOOLEAN: Types = frozenset({"System.Boolean"})


@dataclass(frozen=True, slots=True)
class Code:
    """A compiled tree: how to run it, the types of its result (None: not known), whether its order has a meaning."""

    run: Run
    types: Types = None
    ordered: bool = True


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a tree is compiled in: the types of ``$this``, whether the strict rules apply, and whether
    ``defineVariable()`` occurs, so that arguments must put back what they define."""

    types: Types
    strict: bool
    defines: bool = False

    def on(self, types: Types) -> Surroundings:
        """The same with another ``$this``."""
        return replace(self, types=types)


def surroundings(tree: Expression, type_name: str | None, strict: bool) -> Surroundings:
    """What the whole expression is compiled in."""
    defines = any(isinstance(part, Call) and part.name == "defineVariable" for part in walk(tree))
    return Surroundings(None if type_name is None else frozenset({type_name}), strict, defines)


Builder = Callable[[Any, Surroundings], Code]
_BUILDERS: dict[type, Builder] = {}


def builds(kind: type) -> Callable[[Builder], Builder]:
    """Registers the function that compiles one kind of tree."""

    def register(builder: Builder) -> Builder:
        _BUILDERS[kind] = builder
        return builder

    return register


def build(tree: Expression, around: Surroundings) -> Code:
    """The compiled form of a tree. Raises FhirPathError for unknown functions, types and (strict) elements."""
    return _BUILDERS[type(tree)](tree, around)


def restoring(run: Run, around: Surroundings) -> Run:
    """The same closure; variables that it defines end with it."""
    if not around.defines:
        return run

    def restored(scope: Scope, focus: Nodes) -> Nodes:
        defined = scope.defined
        result = run(scope, focus)
        scope.defined = defined
        return result

    return restored


def check_order(source: Code, what: str, position: int, around: Surroundings) -> None:
    """Strict expressions take the first of something only where an order is defined."""
    if around.strict and not source.ordered:
        raise FhirPathError(f"{what} needs an order, but children() and descendants() have none", position)
