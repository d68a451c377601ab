"""Codes against what their systems hold: unknown codes, displays that belong to another code, systems that are not
loaded, units that are none (R4 sections 2.24.0.4, 2.24.0.7 and 4.1.5)."""

from __future__ import annotations

from typing import Any

from countyfhir.terminology import ucum
from countyfhir.validation.bindings import is_ucum_unit
from countyfhir.validation.rules.bindings import UCUM, Judge
from countyfhir.validation.rules.finding import Around, Finding

SPECIAL_UNITS = ("[pH]", "Np", "B[", "bit_s", "[hp'_", "[m/s2/Hz^0.5]", "[p'diop]", "%[slope]")
"""Marks of UCUM units with logarithms and the like, which are not reduced but are units."""


def judges_of_type(type_name: str, complete: bool) -> tuple[Judge, ...]:
    """What judges the codes of a type, where everything is to be said."""
    return _JUDGES.get(type_name, ()) if complete else ()


def _coding(value: Any, around: Around) -> list[Finding] | None:
    system, code, display = value.get("system"), value.get("code"), value.get("display")
    if not isinstance(system, str) or not isinstance(code, str):
        return None
    if system == UCUM:
        return _unit_code(code)
    knowledge = around.knowledge
    there = knowledge.has_code(system, code)
    if there is False:
        text = f"The code system {system} has no such code."
        return [Finding(".code", "code-invalid", text, "warning", system)]
    if there is None:
        return _not_loaded(system, around)
    if isinstance(display, str) and knowledge.display_matches(system, code, display) is False:
        text = f"The display is none that {system} gives this code."
        return [Finding(".display", "value", text, "warning", system)]
    return None


def _not_loaded(system: str, around: Around) -> list[Finding] | None:
    if around.knowledge.knows_system(system) is not False:
        return None
    text = f"The code system {system} is not loaded here, so this code was not checked."
    return [Finding(".system", "not-found", text, "warning", system)]


def _quantity(value: Any, around: Around) -> list[Finding] | None:
    code = value.get("code")
    return _unit_code(code) if value.get("system") == UCUM and isinstance(code, str) else None


def _unit_code(code: str) -> list[Finding] | None:
    if is_unit(code):
        return None
    text = "The code is no UCUM unit; UCUM writes mg/dL, mm[Hg], 10*9/L, Cel, {beats}/min."
    return [Finding(".code", "code-invalid", text, "warning", UCUM)]


def is_unit(code: str) -> bool:
    """Whether the code is a unit of UCUM, as far as its table tells; units with logarithms by their form."""
    if ucum.reduce(code) is not None:
        return True
    special = any(mark in code for mark in SPECIAL_UNITS)
    return (special and is_ucum_unit(code)) or code in ("B", "dB")


_QUANTITY: tuple[Judge, ...] = (_quantity,)
_JUDGES: dict[str, tuple[Judge, ...]] = {"Coding": (_coding,)} | dict.fromkeys(
    ("Quantity", "Age", "Count", "Distance", "Duration"), _QUANTITY
)
