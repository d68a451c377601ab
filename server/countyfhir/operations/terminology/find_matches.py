"""$find-matches: codes by their properties (OperationDefinition CodeSystem-find-matches)."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction
from countyfhir.interactions.world import World
from countyfhir.operations.terminology.asking import Asked, asked
from countyfhir.operations.terminology.lookup import code_system
from countyfhir.outcome import FhirError
from countyfhir.terminology.code_systems import CodeSystem
from countyfhir.terminology.concepts import value_of, value_text
from countyfhir.terminology.conditions import Condition, condition, same
from countyfhir.terminology.words import query

KNOWN = ("system", "version", "property", "exact", "compositional")
MOST = 100
"""Matches of one answer."""


async def find_matches(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """A ``match`` for each code with the properties: all of them when ``exact``, else those with the most of them
    first, with the ``unmatched`` ones. FhirError 400 without a code system or a property."""
    request = await asked(interaction, grant, world, KNOWN)
    own = request.own or {}
    url = own.get("url") or request.text("system")
    if not url:
        raise FhirError("required", "Say the code system: system.", expression="system")
    system = code_system(request, str(url), own.get("version") or request.text("version"))
    if not isinstance(system, CodeSystem):
        raise FhirError("not-supported", f"{url} is a grammar; its codes have no properties.", expression="system")
    request.flag("compositional")
    wanted = _wanted(request)
    return Answer(200, body=await asyncio.to_thread(_matches, system, wanted, request.flag("exact", default=True)))


def _wanted(request: Asked) -> list[tuple[str, Any]]:
    """(property, value) of what is sought."""
    found = []
    for parts in request.values.get("property", ()):
        if not isinstance(parts, list):
            raise FhirError("value", "A property has the parts code and value.", expression="property")
        by_name = {part.get("name"): value_of(part) for part in parts}
        if by_name.get("code") is None or by_name.get("value") is None:
            raise FhirError("required", "A property needs the parts code and value.", expression="property")
        found.append((str(by_name["code"]), by_name["value"]))
    if not found:
        raise FhirError("required", "Say what the code has: property with code and value.", expression="property")
    return found


def _condition(system: CodeSystem, name: str, value: Any) -> Condition:
    text = value_text(value)
    if name in ("display", "text", "designation"):
        sought = query(text)
        return same("c.id IN (SELECT rowid FROM words WHERE words MATCH ?)", sought) if sought else same("0")
    if name == "definition":
        return same("instr(lower(c.definition), lower(?))", text)
    return condition(system, name, "=", text)


def _matches(system: CodeSystem, wanted: list[tuple[str, Any]], exact: bool) -> dict[str, Any]:
    conditions = [_condition(system, name, value) for name, value in wanted]
    if exact:
        where = " AND ".join(["c.system=?", *(one.many for one in conditions)])
        bindings = (system.number, *(value for one in conditions for value in one.many_bindings))
        found = [
            (one, set(range(len(wanted)))) for one in system.select(where, bindings, f"ORDER BY c.id LIMIT {MOST}")
        ]
    else:
        having: dict[int, set[int]] = {}
        count: Counter[int] = Counter()
        for place, one in enumerate(conditions):
            sql = f"SELECT c.id FROM concept c WHERE c.system=? AND {one.many} ORDER BY c.id LIMIT 10000"
            for (number,) in system.database.rows(sql, (system.number, *one.many_bindings)):
                having.setdefault(number, set()).add(place)
                count[number] += 1
        best = sorted(count, key=lambda number: (-count[number], number))[:MOST]
        found = [(concept, having[n]) for n in best for concept in system.select("c.id=?", (n,))]
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "match", "part": _parts(system, concept.code, concept.display, wanted, places)}
            for concept, places in found
        ],
    }


def _parts(
    system: CodeSystem, code: str, display: str | None, wanted: list[tuple[str, Any]], places: set[int]
) -> list[dict[str, Any]]:
    coding = {"system": system.url, "version": system.version, "code": code, "display": display}
    parts: list[dict[str, Any]] = [
        {"name": "code", "valueCoding": {name: value for name, value in coding.items() if value}}
    ]
    for place, (name, value) in enumerate(wanted):
        if place not in places:
            told = {"valueCoding": value} if isinstance(value, dict) else {"valueString": value_text(value)}
            of_property = [{"name": "code", "valueCode": name}, {"name": "value", **told}]
            parts.append({"name": "unmatched", "part": of_property})
    return parts
