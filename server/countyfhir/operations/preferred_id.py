"""$preferred-id: the preferred identifier of a kind for a naming system that is known by another (OperationDefinition
NamingSystem-preferred-id)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from countyfhir.exchange import Answer, Grant, Interaction, Resource
from countyfhir.interactions.criteria import criteria_text
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.model.library import base_resources
from countyfhir.outcome import FhirError
from countyfhir.terminology.files.folder import naming_systems

KINDS = ("oid", "uuid", "uri", "other")
PREFIXES = {"oid": "urn:oid:", "uuid": "urn:uuid:"}
_KNOWN = frozenset(("id", "type", "_format", "_pretty"))


async def preferred_id(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Parameters with ``result``. 404 where no naming system has the id or none of the kind, 422 where several
    contradict each other."""
    given, kind = _asked(interaction)
    forms = {given, *(given.removeprefix(prefix) for prefix in PREFIXES.values())}
    systems = await _stored(forms, interaction, grant, world)
    known = (*_of_folders(world.terminology.folders), *_of_r4())
    systems += [one for one in known if forms & {unique.get("value") for unique in one.get("uniqueId", ())}]
    found = {value for one in systems if (value := _preferred(one["uniqueId"], kind)) is not None}
    if not found:
        which = "has this id" if not systems else f"with this id has one of type {kind}"
        raise FhirError("not-found", f"No naming system that is known here {which}.", expression="id")
    if len(found) > 1:
        raise FhirError("processing", "Several naming systems claim this id with different answers.", expression="id")
    return Answer(
        200, body={"resourceType": "Parameters", "parameter": [{"name": "result", "valueString": found.pop()}]}
    )


def _asked(interaction: Interaction) -> tuple[str, str]:
    asked = dict(interaction.query)
    body = interaction.body if isinstance(interaction.body, dict) else {}
    for one in body.get("parameter", ()):
        asked[one["name"]] = str(next((one[key] for key in one if key.startswith("value")), ""))
    unknown = next((name for name in asked if name not in _KNOWN), None)
    if unknown is not None and interaction.preferences.handling != "lenient":
        raise FhirError("not-supported", f"'{unknown[:64]}' is no parameter of $preferred-id.", status=400)
    for name in ("id", "type"):
        if not asked.get(name):
            raise FhirError("required", f"$preferred-id needs the parameter {name}.", expression=name)
    if asked["type"] not in KINDS:
        raise FhirError("value", f"type must be one of {', '.join(KINDS)}.", expression="type")
    return asked["id"], asked["type"]


async def _stored(forms: Iterable[str], interaction: Interaction, grant: Grant, world: World) -> list[Resource]:
    found: dict[str, Resource] = {}
    for form in forms:
        query = criteria_text(interaction, f"value:exact={quote(form, safe='').replace('%2C', '%5C%2C')}", world)
        page = await world.store.resources.search(query, grant)
        found |= {one.logical_id: json.parse(one.body) for one in page.matches if one.body is not None}
    return list(found.values())


@cache
def _of_folders(folders: tuple[Path, ...]) -> tuple[Resource, ...]:
    """The county's own, as they lie in its folders when the server starts."""
    return naming_systems(folders)


@cache
def _of_r4() -> tuple[Resource, ...]:
    """The naming systems that come with R4."""
    return tuple(base_resources(("NamingSystem",)))


def _preferred(ids: list[dict[str, Any]], kind: str) -> str | None:
    """The preferred id of the kind; else the only or first one of it."""
    of_kind = [one for one in ids if one.get("type") == kind]
    chosen = next((one for one in of_kind if one.get("preferred") is True), of_kind[0] if of_kind else None)
    return None if chosen is None else str(chosen.get("value"))
