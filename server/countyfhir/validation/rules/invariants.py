"""The invariants of the base definitions as rules: compiled once, evaluated only where values decide (R4 section
5.1.0.20, ElementDefinition.constraint)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from functools import cache
from typing import Any

from countyfhir.fhirpath import Expression, FhirPathError, compile  # noqa: A004
from countyfhir.fhirpath.narrative import problems as narrative_problems
from countyfhir.fhirpath.presence import UNSETTLED, settled
from countyfhir.model.definitions import Invariant, definitions
from countyfhir.validation.rules.corrections import IN_STRUCTURE, expression_of
from countyfhir.validation.rules.finding import Around, Finding
from countyfhir.validation.rules.fragments import contained_is_used, fragment_is_contained

Judge = Callable[[Any, Around], "list[Finding] | None"]
"""Says what is wrong with a value; None when nothing is."""


class Rule:
    """One invariant on values of one type."""

    __slots__ = ("_expression", "expression_text", "human", "judge", "key", "severity", "type_name")

    def __init__(self, invariant: Invariant, type_name: str) -> None:
        self.key, self.severity, self.human = invariant.key, invariant.severity, invariant.human
        self.type_name = type_name
        self.expression_text = expression_of(invariant.key, invariant.expression)
        self._expression: Expression | None = None
        self.judge: Judge = BY_HAND.get(self.key, self.evaluated)

    @property
    def expression(self) -> Expression:
        """The compiled expression, made when it is first needed."""
        if self._expression is None:
            self._expression = compile(self.expression_text, self.type_name)
        return self._expression

    def evaluated(self, value: Any, around: Around) -> list[Finding] | None:
        """The judgement of the expression; an empty result is no violation."""
        try:
            held = self.expression.holds(value, resource=around.resource, root=around.root, given=around.given)
        except FhirPathError:
            text = f"The rule {self.key} cannot be decided here: {sentence(self.human)}"
            return [Finding("", "processing", text, "warning", self.key)]
        return [self.violation()] if held is False else None

    def violation(self) -> Finding:
        """What is said of a value that breaks the rule."""
        return Finding("", "invariant", f"{sentence(self.human)} ({self.key})", self.severity, self.key)

    def settled(self, names: Set[str], value: dict[str, Any], around: Around) -> bool:
        """Whether every object with exactly these elements keeps the rule."""
        if self.key in BY_HAND:
            return self.key in NEEDS and NEEDS[self.key] not in names
        try:
            answer = settled(
                self.expression.tree, names, lambda tree: self.expression.part(tree).holds(value, given=around.given)
            )
        except FhirPathError:
            return False
        return answer is not UNSETTLED and answer is not False


def sentence(human: str) -> str:
    """The rule in words, as a sentence."""
    text = " ".join(human.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _safe_narrative(value: Any, around: Around) -> list[Finding] | None:
    """txt-1 and txt-2 with what exactly is wrong."""
    if not isinstance(value, str):
        return None
    found = dict.fromkeys(narrative_problems(value))
    return [
        Finding("", "invariant", f"{text[:1].upper()}{text[1:]} ({key_of(text)}).", "error", key_of(text))
        for text in found
    ] or None


def _has_narrative(value: dict[str, Any], around: Around) -> list[Finding] | None:
    """dom-6, which is not for contained resources: their container tells what they say (R4 section 2.3.2)."""
    text = value.get("text")
    if around.resource is not around.root or (isinstance(text, dict) and "div" in text):
        return None
    text = "A resource should have a narrative that people can read without knowing its type (dom-6)."
    return [Finding("", "invariant", text, "warning", "dom-6")]


def key_of(text: str) -> str:
    """Which of the two narrative rules a problem breaks: txt-2 asks for content."""
    return "txt-2" if "neither text nor an image" in text else "txt-1"


BY_HAND: dict[str, Judge] = {
    "ref-1": fragment_is_contained,
    "dom-3": contained_is_used,
    "txt-1": _safe_narrative,
    "dom-6": _has_narrative,
}
NEEDS = {"ref-1": "reference", "dom-3": "contained"}
"""The element without which a rule done by hand has nothing to say."""


def rules_of(invariants: Iterable[Invariant], type_name: str) -> tuple[Rule, ...]:
    """The rules of a type or element that are not part of the structural check."""
    return tuple(Rule(one, type_name) for one in invariants if one.key not in IN_STRUCTURE)


@cache
def all_keys() -> frozenset[str]:
    """The key of every invariant of R4's types."""
    keys: set[str] = set()
    for definition in definitions().types.values():
        keys.update(one.key for one in definition.invariants)
        for element in definition.elements.values():
            keys.update(one.key for one in element.invariants)
    return frozenset(keys)
