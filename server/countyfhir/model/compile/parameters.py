"""SearchParameters, CompartmentDefinitions, OperationDefinitions -> compact tables (R4 sections 3.1.1, 2.31, 2.33)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from countyfhir.model.definitions import SearchParameter

Json = dict[str, Any]

EXPRESSION_CORRECTIONS = {
    "http://hl7.org/fhir/SearchParameter/InsurancePlan-name": "InsurancePlan.name | InsurancePlan.alias",
}
"""The one R4 expression that does not start at its type; all others resolve against the element tables."""
COMPONENT_CORRECTIONS = {
    "http://hl7.org/fhir/SearchParameter/DocumentReference-relationship": ("target", "code"),
}
"""The one R4 composite whose components have each other's expressions: relatesto (a reference) "code", relation (a
token) "target"."""
ITSELF = "{def}"
ONLY_TYPE = re.compile(r"\.where\(resolve\(\) is (\w+)\)$")


def is_base(parameter: Json) -> bool:
    """Whether the parameter belongs to R4 itself: those of extensions and the examples carry no standards status."""
    return "base" in parameter and "extension" in parameter


def search_parameters(
    parameters: Iterable[Json], resource_types: Iterable[str], ancestors: dict[str, tuple[str, ...]]
) -> tuple[list[SearchParameter], dict[str, dict[str, int]]]:
    """The parameters as they apply to each resource type, and the table resource type -> code -> position."""
    chosen = sorted((p for p in parameters if is_base(p)), key=lambda p: (p["code"], p["url"]))
    found: list[SearchParameter] = []
    index: dict[str, dict[str, int]] = {}
    positions: dict[SearchParameter, int] = {}
    for resource_type in sorted(resource_types):
        bases = {resource_type, *ancestors[resource_type]}
        for parameter in chosen:
            if bases.isdisjoint(parameter["base"]):
                continue
            applied = parameter_of(parameter, resource_type)
            if applied not in positions:
                positions[applied] = len(found)
                found.append(applied)
            index.setdefault(resource_type, {})[applied.code] = positions[applied]
    return found, index


def parameter_of(parameter: Json, resource_type: str) -> SearchParameter:
    """One parameter as it applies to ``resource_type``."""
    correction = EXPRESSION_CORRECTIONS.get(parameter["url"])
    expression = expression_for(correction or parameter.get("expression", ""), resource_type)
    return SearchParameter(
        code=parameter["code"],
        type=parameter["type"],
        expression=expression,
        url=parameter["url"],
        targets=targets_of(parameter, expression),
        components=components_of(parameter),
        resource_types=tuple(parameter["base"]),
        modifiers=tuple(parameter.get("modifier", ())),
        comparators=tuple(parameter.get("comparator", ())),
        multiple_or=parameter.get("multipleOr", True),
        multiple_and=parameter.get("multipleAnd", True),
        chain=tuple(parameter.get("chain", ())),
        xpath_usage=parameter.get("xpathUsage", "normal"),
        corrected=parameter.get("expression") if correction else None,
    )


def components_of(parameter: Json) -> tuple[tuple[str, str], ...]:
    """The definition and the expression of each component."""
    stated = parameter.get("component", ())
    expressions = COMPONENT_CORRECTIONS.get(parameter["url"]) or [one["expression"] for one in stated]
    return tuple((one["definition"], expression) for one, expression in zip(stated, expressions, strict=True))


def targets_of(parameter: Json, expression: str) -> tuple[str, ...]:
    """The target types; those the expression itself is limited to, where R4 lists more ("patient" lists Group too)."""
    limits = [ONLY_TYPE.search(part.strip()) for part in split_union(expression)]
    only = tuple(dict.fromkeys(match[1] for match in limits if match))
    return only if only and all(limits) else tuple(parameter.get("target", ()))


def expression_for(expression: str, resource_type: str) -> str:
    """The alternatives of a union that start at ``resource_type``; the whole expression when none names a type so."""
    alternatives = [part.strip() for part in split_union(expression)]
    own = [part for part in alternatives if re.match(rf"\(*\s*{resource_type}\b", part)]
    return " | ".join(own or alternatives)


def split_union(expression: str) -> list[str]:
    """Splits at the ``|`` that stand outside parentheses and strings."""
    parts, depth, quoted = [""], 0, False
    for character in expression:
        quoted ^= character == "'"
        depth += (character == "(") - (character == ")") if not quoted else 0
        if character == "|" and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def compartments(definitions: Iterable[Json]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Compartment code -> resource type -> the parameters that put a resource in it (types outside are absent).

    "{def}" is added for the type itself: R4 says in prose only that a resource is in its own compartment.
    """
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for definition in definitions:
        if definition["id"] != "example":
            entries = {e["code"]: tuple(e["param"]) for e in definition["resource"] if e.get("param")}
            code = definition["code"]
            found[code] = entries | {code: (ITSELF, *(p for p in entries.get(code, ()) if p != ITSELF))}
    return found


OPERATION_FIELDS = (
    "id",
    "url",
    "name",
    "kind",
    "code",
    "resource",
    "affectsState",
    "system",
    "type",
    "instance",
    "parameter",
)


def operations(definitions: Iterable[Json]) -> dict[str, dict[str, object]]:
    """Operation code -> its OperationDefinitions, reduced to what routing and parameter checks need."""
    found: dict[str, dict[str, object]] = {}
    grouped: dict[str, list[Json]] = {}
    for definition in sorted(definitions, key=lambda d: d["id"]):
        if definition["id"] != "example":
            grouped.setdefault(definition["code"], []).append(
                {k: definition[k] for k in OPERATION_FIELDS if k in definition}
            )
    for code, listed in grouped.items():
        found[code] = {"code": code, "definitions": [reduced(definition) for definition in listed]}
    return found


def reduced(value: Any) -> Any:
    """A copy without prose."""
    if isinstance(value, dict):
        return {key: reduced(child) for key, child in value.items() if key not in ("documentation", "extension")}
    return [reduced(child) for child in value] if isinstance(value, list) else value
