"""$document: a Composition and what it refers to as a document Bundle, which may be kept (OperationDefinition
Composition-document; R4 section 3.3)."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction, Preconditions, Resource, changed
from countyfhir.interactions import references
from countyfhir.interactions.perform import perform
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError

_LOCAL = re.compile(
    r"(?:(?P<base>https?://.+)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/.+)?"
)
_KNOWN = frozenset(("id", "persist", "graph", "_format", "_pretty"))


async def document(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """The Bundle: the Composition first, then every resource of this server that it refers to. ``persist`` true keeps
    it as a Bundle of its own. 404 where a resource is not there: a document must be whole."""
    asked = _asked(interaction)
    if "graph" in asked:
        raise FhirError(
            "not-supported", "graph is not offered: the document holds what the Composition refers to.", status=400
        )
    logical_id = interaction.logical_id or _composition(asked.get("id"), interaction)
    first = await _read("Composition", logical_id, interaction, grant, world)
    shown: dict[str, Answer] = {f"Composition/{logical_id}": first}
    for path, reference in references.literal(json.parse(_text(first))):
        target = _LOCAL.fullmatch(reference)
        if target is None or target["base"] not in (None, interaction.base):
            continue
        name = f"{target['type']}/{target['id']}"
        if name not in shown:
            shown[name] = await _target(target["type"], target["id"], path, interaction, grant, world)
    bundle = _bundle(shown, interaction, world)
    patients = tuple(sorted({one for answer in shown.values() if answer.stored for one in _patient(answer)}))
    if asked.get("persist") == "true":
        asking = changed(
            interaction, kind="create", resource_type="Bundle", logical_id=None, operation=None, query=(), body=bundle
        )
        kept = await perform(asking, world, grant)
        return changed(kept, status=200, patients=patients)
    return Answer(200, body=bundle, patients=patients)


def _asked(interaction: Interaction) -> dict[str, str]:
    asked = dict(interaction.query)
    body = interaction.body if isinstance(interaction.body, dict) else {}
    for one in body.get("parameter", ()):
        value = next((one[key] for key in one if key.startswith("value")), None)
        asked[one["name"]] = str(value).lower() if isinstance(value, bool) else str(value)
    unknown = next((name for name in asked if name not in _KNOWN), None)
    if unknown is not None and interaction.preferences.handling != "lenient":
        raise FhirError("not-supported", f"'{unknown[:64]}' is no parameter of $document.", status=400)
    return asked


def _composition(given: str | None, interaction: Interaction) -> str:
    """The id of the Composition that the parameter ``id`` names: an id, Composition/[id] or a URL of this server."""
    if given is None:
        raise FhirError("required", "Name the Composition by the parameter id, or call this on one.", expression="id")
    target = _LOCAL.fullmatch(given if "/" in given else f"Composition/{given}")
    if target is None or target["type"] != "Composition" or target["base"] not in (None, interaction.base):
        raise FhirError("value", "id must name a Composition of this server.", expression="id")
    return target["id"]


async def _read(resource_type: str, logical_id: str, interaction: Interaction, grant: Grant, world: World) -> Answer:
    asked = changed(
        interaction, kind="read", resource_type=resource_type, logical_id=logical_id, operation=None, query=(),
        body=None, preconditions=Preconditions(),
    )  # fmt: skip
    return await perform(asked, world, grant)


async def _target(
    resource_type: str, logical_id: str, path: str, interaction: Interaction, grant: Grant, world: World
) -> Answer:
    try:
        return await _read(resource_type, logical_id, interaction, grant, world)
    except FhirError as error:
        text = (
            f"The document cannot be made: {resource_type}/{logical_id}, which the Composition refers to, is not there."
        )
        raise FhirError("not-found", text, expression=path, status=error.status) from error


def _text(answer: Answer) -> bytes:
    assert isinstance(answer.body, bytes)
    return answer.body


def _patient(answer: Answer) -> tuple[str, ...]:
    stored = answer.stored
    return (stored.patient,) if stored is not None and stored.patient is not None else ()


def _bundle(shown: dict[str, Answer], interaction: Interaction, world: World) -> Resource:
    now = datetime.fromtimestamp(world.now() / 1_000_000, UTC).isoformat(timespec="milliseconds")
    entries: list[dict[str, Any]] = [
        {"fullUrl": f"{interaction.base}/{name}", "resource": json.parse(_text(answer))}
        for name, answer in shown.items()
    ]
    return {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid.uuid4()}"},
        "type": "document",
        "timestamp": now.replace("+00:00", "Z"),
        "entry": entries,
    }
