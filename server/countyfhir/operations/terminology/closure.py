"""$closure: a client's table of which of its codes stand above which (OperationDefinition ConceptMap-closure)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction
from countyfhir.interactions.world import World
from countyfhir.operations.terminology.asking import asked
from countyfhir.outcome import FhirError
from countyfhir.terminology import client_tables


async def closure(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """A ConceptMap of the new steps from codes to those above them (``subsumes``): with ``name`` alone the table begins
    anew; ``concept`` adds codes; ``version`` asks for all that came after it. FhirError 404 for a table that was never
    begun."""
    request = await asked(interaction, grant, world, ("name", "concept", "version"))
    name, version = request.text("name"), request.text("version")
    if not name:
        raise FhirError("required", "Name the closure table.", expression="name")
    database = world.terminology.database
    codings = request.values.get("concept", [])
    if any(not isinstance(one, dict) or not one.get("system") or not one.get("code") for one in codings):
        raise FhirError("value", "A concept is a Coding with system and code.", expression="concept")
    if version is not None:
        if codings or not version.isdigit():
            raise FhirError("invalid", "version is a number, and comes without concepts.", expression="version")
        now, new = client_tables.since(database, name, int(version))
    elif codings:
        now, new = client_tables.add(database, name, [(str(one["system"]), str(one["code"])) for one in codings])
    else:
        now, new = client_tables.begin(database, name), []
    steps = client_tables.steps(database, name, new, request.resolver)
    return Answer(200, body=_map(name, now, steps))


def _map(name: str, version: int, steps: list[tuple[str, str, str]]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "resourceType": "ConceptMap",
        "name": name,
        "version": str(version),
        "status": "active",
        "experimental": True,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    groups: dict[str, dict[str, list[str]]] = {}
    for system, code, above in steps:
        groups.setdefault(system, {}).setdefault(code, []).append(above)
    if groups:
        made["group"] = [
            {
                "source": system,
                "target": system,
                "element": [
                    {"code": code, "target": [{"code": one, "equivalence": "subsumes"} for one in above]}
                    for code, above in elements.items()
                ],
            }
            for system, elements in groups.items()
        ]
    return made
