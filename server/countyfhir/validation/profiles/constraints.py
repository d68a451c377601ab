"""Constraints that profiles add, in FHIRPath (R4 ElementDefinition.constraint); those of the base definitions are
checked for every resource and left out here."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from countyfhir.fhirpath import FhirPathError, Item, compile  # noqa: A004
from countyfhir.model.definitions import definitions
from countyfhir.validation.profiles.element_tree import Definition
from countyfhir.validation.profiles.spot import Judge, Run, Spot
from countyfhir.validation.rules.finding import Finding

BASE = "http://hl7.org/fhir/StructureDefinition/"


@cache
def base_keys() -> frozenset[str]:
    """The keys of all invariants of the base definitions."""
    types = definitions().types.values()
    of_types = {one.key for definition in types for one in definition.invariants}
    return frozenset(
        of_types | {one.key for d in types for e in d.elements.values() for one in e.invariants} | {"ele-1"}
    )


def is_base(constraint: dict[str, Any]) -> bool:
    """Whether a constraint is of the base definitions."""
    name = str(constraint.get("source", BASE + "Element")).removeprefix(BASE)
    return constraint.get("key") in base_keys() and name in definitions().types


def constraint_judges(definition: Definition, label: str) -> Iterator[Judge]:
    """A judge for each constraint with an expression that the profile, or one it derives from, adds."""
    for constraint in definition.get("constraint", ()):
        if constraint.get("expression") and not is_base(constraint):
            yield constrained(constraint, label)


def constrained(constraint: dict[str, Any], label: str) -> Judge:
    """The judge of one constraint; an empty result is no violation."""
    key, expression = str(constraint.get("key")), str(constraint["expression"])
    human = sentence(str(constraint.get("human", key)))
    broken = Finding("", "invariant", f"{human} ({key})", str(constraint.get("severity", "error")), f"{label}|{key}")

    def judge(spot: Spot, run: Run) -> list[Finding] | None:
        around = run.around
        try:
            compiled = compile(expression, spot.type_name)
            node = Item(spot.value, spot.type_name, spot.beside)
            held = compiled.holds(node, resource=around.resource, root=around.root, given=around.given)
        except FhirPathError as problem:
            text = f"The rule {key} cannot be decided here: {problem}."
            return [Finding("", "processing", text, "warning", f"{label}|{key}")]
        return [broken] if held is False else None

    return judge


def sentence(human: str) -> str:
    """The rule in words, as a sentence."""
    text = " ".join(human.split())
    return text if text.endswith((".", "!", "?", "。", "！", "？")) else f"{text}."
