"""Literals, variables, ``$this``, signs and indexes as closures (FHIRPath N1 sections 4.1, 4.2, 4.4 and 5.3.1)."""

from __future__ import annotations

from decimal import Decimal

from countyfhir.fhirpath import arithmetic
from countyfhir.fhirpath.closures.code import Code, Surroundings, build, builds, check_order
from countyfhir.fhirpath.error import FhirPathError, at
from countyfhir.fhirpath.functions.table import single_integer
from countyfhir.fhirpath.item import EMPTY, FALSE, TRUE, Nodes, Quantity
from countyfhir.fhirpath.scope import Scope
from countyfhir.fhirpath.syntax import Empty, Index, Literal, Polarity, Special, Variable
from countyfhir.fhirpath.variables import variable


@builds(Literal)
def _literal(tree: Literal, around: Surroundings) -> Code:
    if tree.type_name == "System.Boolean":
        nodes = TRUE if tree.value else FALSE
    elif tree.unit is not None and isinstance(tree.value, Decimal):
        nodes = [(Quantity(tree.value, tree.unit), tree.type_name, None)]
    else:
        nodes = [(tree.value, tree.type_name, None)]
    return Code(lambda scope, focus: nodes, frozenset({tree.type_name}))


@builds(Empty)
def _empty(tree: Empty, around: Surroundings) -> Code:
    return Code(lambda scope, focus: EMPTY, frozenset())


@builds(Variable)
def _variable(tree: Variable, around: Surroundings) -> Code:
    name, position = tree.name, tree.position
    return Code(lambda scope, focus: variable(name, scope, position))


@builds(Special)
def _special(tree: Special, around: Surroundings) -> Code:
    if tree.name == "$this":
        return Code(lambda scope, focus: focus, around.types)
    if tree.name == "$total":
        return Code(lambda scope, focus: scope.total)

    def index(scope: Scope, focus: Nodes) -> Nodes:
        return EMPTY if scope.index is None else [(scope.index, "System.Integer", None)]

    return Code(index, frozenset({"System.Integer"}))


@builds(Polarity)
def _polarity(tree: Polarity, around: Surroundings) -> Code:
    operand = build(tree.operand, around)
    before, sign, position = operand.run, tree.sign, tree.position

    def run(scope: Scope, focus: Nodes) -> Nodes:
        try:
            return arithmetic.signed(sign, before(scope, focus))
        except FhirPathError as problem:
            raise at(problem, position) from None

    return Code(run, operand.types)


@builds(Index)
def _index(tree: Index, around: Surroundings) -> Code:
    source, index = build(tree.source, around), build(tree.index, around)
    check_order(source, "An index", tree.position, around)
    before, which, position = source.run, index.run, tree.position

    def run(scope: Scope, focus: Nodes) -> Nodes:
        nodes = before(scope, focus)
        try:
            number = single_integer(which(scope, focus), "The index")
        except FhirPathError as problem:
            raise at(problem, position) from None
        return nodes[number : number + 1] if number is not None and number >= 0 else EMPTY

    return Code(run, source.types)
