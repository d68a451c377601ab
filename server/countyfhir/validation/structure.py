"""Structural validation of a resource against the base definitions (R4 sections 2.6.2, 4.1.5, 5.3)."""

from __future__ import annotations

from typing import Any

from countyfhir.model.definitions import definitions
from countyfhir.outcome import Issue
from countyfhir.validation.containment import unknown_type
from countyfhir.validation.problem import Problem, kind_of
from countyfhir.validation.references import WRONG_TARGET
from countyfhir.validation.types import type_checks

MOST_ISSUES = 1000
"""A broken upload of millions of values must not become an OperationOutcome of millions of issues."""


def check(resource: Any, expected_type: str | None = None) -> list[Issue]:
    """Every structural problem of ``resource`` as an Issue with its FHIRPath; [] when there is none.

    More than 1,000 are cut, and the last issue says how many are left out.
    Checked: names, JSON types, cardinality, choice types, formats and ranges of primitives, ``_element`` siblings,
    required bindings, Extension, contained resources, types of reference targets. Decimals must come as
    ``decimal.Decimal`` or int.
    """
    if not isinstance(resource, dict):
        return [Issue("structure", f"Expected a resource as a JSON object, not {kind_of(resource)}.")]
    resource_type = resource.get("resourceType")
    if not isinstance(resource_type, str) or resource_type not in definitions().resource_types:
        _, code, text = unknown_type(resource)
        return [Issue(code, text)]
    if expected_type is not None and resource_type != expected_type:
        return [
            Issue("invalid", f"Expected a {expected_type}, but resourceType says {resource_type}.", (resource_type,))
        ]
    try:
        problems = type_checks()[resource_type](resource)
    except RecursionError:
        return [Issue("structure", "The resource is nested too deeply.", (resource_type,))]
    return [] if problems is None else issues_of(resource_type, problems)


def check_value(value: Any, type_name: str) -> list[Issue]:
    """The same for a value of a data type ("HumanName", "Patient.contact"); KeyError for an unknown type."""
    problems = type_checks()[type_name](value)
    return [] if problems is None else issues_of(type_name, problems)


def issues_of(root: str, problems: list[Problem]) -> list[Issue]:
    """Problems with their places counted from ``root``."""
    issues = [
        Issue(code, text, (root + path,), "warning" if code == WRONG_TARGET else "error")
        for path, code, text in problems[:MOST_ISSUES]
    ]
    more = len(problems) - MOST_ISSUES
    if more > 0:
        issues.append(Issue("informational", f"{more} further problems are not listed.", (root,), "information"))
    return issues
