"""A type with its rules and the children in which there are rules to apply; which of them concern an object is decided
once for each sequence of names (as the structural check does)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from countyfhir.fhirpath import Given
from countyfhir.model.definitions import ElementDefinition, TypeDefinition, definitions
from countyfhir.validation.rules import bindings, codes
from countyfhir.validation.rules.bundles import bundle_judge
from countyfhir.validation.rules.corrections import BEST_PRACTICE
from countyfhir.validation.rules.finding import Around, Finding, Knowledge, below
from countyfhir.validation.rules.invariants import Judge, Rule, rules_of

MOST_PLANS = 512
LONGEST_PLAN = 64
Apply = Callable[[Any, Around], "list[Finding] | None"]


@dataclass(slots=True)
class Child:
    """An element as the rules see it: its step, what judges its value, and the kind of its value (None: a primitive, or
    nothing to see there). ``resource``: the value tells its type; ``contained``: and stays in this resource."""

    step: str
    is_array: bool
    judges: tuple[Judge, ...] = ()
    kind: Kind | None = None
    resource: bool = False
    contained: bool = False


@dataclass(slots=True)
class Plan:
    """What is to be done with objects of one sequence of names."""

    judges: tuple[Judge, ...]
    children: tuple[tuple[str, Child], ...]


@dataclass(slots=True)
class Kind:
    """A type: its rules, its children by JSON property, and the FHIRPath name of each property."""

    name: str
    rules: tuple[Rule, ...] = ()
    judges: tuple[Judge, ...] = ()
    children: dict[str, Child] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    plans: dict[tuple[str, ...], Plan] = field(default_factory=dict)

    def plan(self, value: dict[str, Any], around: Around) -> Plan:
        """What concerns objects with the names of ``value``."""
        names = frozenset(self.names[key] for key in value if key in self.names)
        judges = tuple(rule.judge for rule in self.rules if not rule.settled(names, value, around))
        children = tuple((key, self.children[key]) for key in value if key in self.children)
        plan = Plan(judges + self.judges, children)
        if len(self.plans) < MOST_PLANS and len(value) <= LONGEST_PLAN:
            self.plans[tuple(value)] = plan
        return plan


@dataclass(slots=True)
class Kinds:
    """The kinds of all types under one selection of rules."""

    by_type: Mapping[str, Kind]

    def findings(self, resource: dict[str, Any], knowledge: Knowledge, given: Given) -> list[Finding]:
        """What the rules find in a resource and all that is in it, with steps from the resource."""
        kind = self.by_type.get(str(resource.get("resourceType")))
        return [] if kind is None else self._of(kind, resource, Around(resource, resource, knowledge, given)) or []

    def _of(self, kind: Kind, value: dict[str, Any], around: Around) -> list[Finding] | None:
        plan = kind.plans.get(tuple(value))
        if plan is None:
            plan = kind.plan(value, around)
        found: list[Finding] | None = None
        for judge in plan.judges:
            if (answer := judge(value, around)) is not None:
                found = found or []
                found += answer
        for key, child in plan.children:
            item = value[key]
            if item.__class__ is dict:
                if (answer := self._at(child, item, around)) is not None:
                    found = found or []
                    found += below(child.step, answer)
            elif item.__class__ is list:
                for index, each in enumerate(item):
                    if (answer := self._at(child, each, around)) is not None:
                        found = found or []
                        found += below(f"{child.step}[{index}]", answer)
            elif child.judges and (answer := self._at(child, item, around)) is not None:
                found = found or []
                found += below(child.step, answer)
        return found

    def _at(self, child: Child, value: Any, around: Around) -> list[Finding] | None:
        found: list[Finding] | None = None
        for judge in child.judges:
            if (answer := judge(value, around)) is not None:
                found = [*(found or ()), *answer]
        if value.__class__ is not dict:
            return found
        kind = child.kind
        if child.resource:
            kind = self.by_type.get(str(value.get("resourceType")))
            root = around.root if child.contained else value
            around = Around(value, root, around.knowledge, around.given)
        if kind is not None and (answer := self._of(kind, value, around)) is not None:
            return [*(found or ()), *answer]
        return found


@cache
def kinds(complete: bool) -> Kinds:
    """The rules of every type. ``complete``: warnings and best practice too, codes and bindings of every strength; else
    only what refuses a write."""
    made = {name: Kind(name) for name in definitions().types}
    for definition in definitions().types.values():
        _fill(made[definition.name], definition, made, complete)
    _prune(made)
    return Kinds(made)


def _fill(kind: Kind, definition: TypeDefinition, made: Mapping[str, Kind], complete: bool) -> None:
    kind.rules = tuple(rule for rule in rules_of(definition.invariants, definition.name) if _wanted(rule, complete))
    for key, element in definition.elements.items():
        if element.maximum == 0:
            continue
        kind.names[key] = kind.names[f"_{key}"] = element.choice or element.name
        kind.children[key] = _child(element, made, complete)
        if element.is_primitive and element.type_name != "xhtml":
            kind.children[f"_{key}"] = Child(f".{element.choice or key}", element.is_array, (), made["Element"])
    kind.judges = bindings.judges_of_type(definition.name, complete) + codes.judges_of_type(definition.name, complete)
    if definition.name == "Bundle":
        kind.judges = (bundle_judge,)


def _wanted(rule: Rule, complete: bool) -> bool:
    return complete or (rule.severity == "error" and rule.key not in BEST_PRACTICE)


def _child(element: ElementDefinition, made: Mapping[str, Kind], complete: bool) -> Child:
    own = tuple(r.judge for r in rules_of(element.invariants, element.type_name) if _wanted(r, complete))
    bound = bindings.judges_of_element(element, complete)
    step = f".{element.choice or element.name}"
    if element.type_name in ("Resource", "DomainResource"):
        return Child(step, element.is_array, own, None, True, element.name == "contained")
    return Child(step, element.is_array, own + bound, None if element.is_primitive else made.get(element.type_name))


def _prune(made: Mapping[str, Kind]) -> None:
    """Leave out children under which no rule stands, as far as that follows from their types."""
    busy = {name for name, kind in made.items() if kind.rules or kind.judges}
    grown = True
    while grown:
        grown = False
        for name, kind in made.items():
            if name not in busy and any(_is_busy(child, busy) for child in kind.children.values()):
                busy.add(name)
                grown = True
    for kind in made.values():
        kind.children = {key: child for key, child in kind.children.items() if _is_busy(child, busy)}


def _is_busy(child: Child, busy: set[str]) -> bool:
    return bool(child.judges) or child.resource or (child.kind is not None and child.kind.name in busy)
