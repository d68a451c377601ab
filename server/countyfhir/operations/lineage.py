"""$lineage: where a resource comes from, statement by statement (an operation of this server over R4 Provenance)."""

from __future__ import annotations

import re
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction, Preconditions, Resource, Stored, changed
from countyfhir.interactions.read import read
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.search import parse
from countyfhir.store.ports import HistoryQuery

POLICY = re.compile(r".*/mapping/(?P<name>.+)\|(?P<version>[^|]+)")
DISPLAY = re.compile(r".*, record (?P<number>\d+), (?P<digest>sha256:[0-9a-f]{64})")
RECORD, FILE = "/id/source-record", "/id/source-file"
_FORM = ("_format", "_pretty")
VERSIONS = 100
"""Versions of one Provenance that are looked at."""


async def lineage(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Parameters with one ``statement`` for every version of every Provenance about the resource, newest first: its
    record (natural key, number, digest), file (name, digest), mapping and version, institution, activity, instant."""
    if any(name not in _FORM for name, _ in interaction.query) or interaction.body is not None:
        raise FhirError("not-supported", "$lineage takes no parameters.", status=400)
    await read(changed(interaction, preconditions=Preconditions()), grant, world)
    reference = f"{interaction.resource_type}/{interaction.logical_id}"
    found = await about(reference, grant, world)
    stated = [(one, resource) for one in found for resource in [json.parse(one.body or b"{}")]]
    stated.sort(key=lambda pair: (pair[0].last_updated, pair[0].sequence), reverse=True)
    statements = [
        {"name": "statement", "part": statement(one, resource)}
        for one, resource in stated
        if names(resource, reference)
    ]
    patients = tuple(sorted({one.patient for one in found if one.patient}))
    body: Resource = {"resourceType": "Parameters", **({"parameter": statements} if statements else {})}
    return Answer(200, body=body, patients=patients)


async def about(reference: str, grant: Grant, world: World) -> list[Stored]:
    """All versions of the Provenances that now name the resource."""
    query = parse.search(
        "Provenance", (("target", reference), ("_count", str(world.policy.max_count))), world.search
    ).query
    page = await world.store.resources.search(query, grant)
    found: list[Stored] = []
    for current in page.matches:
        asked = HistoryQuery("Provenance", current.logical_id, count=VERSIONS)
        history = await world.store.resources.history(asked, grant)
        found += [one for one in history.versions if one.body is not None]
    return found


def names(provenance: Resource, reference: str) -> bool:
    """Whether this version is about the resource."""
    return any(target.get("reference", "").partition("/_history/")[0] == reference for target in provenance["target"])


def statement(stored: Stored, provenance: Resource) -> list[Resource]:
    """One version of a Provenance as parts; what it does not say is left out."""
    parts: list[tuple[str, str, Any]] = [
        ("provenance", "valueReference", {"reference": f"Provenance/{stored.logical_id}/_history/{stored.version_id}"}),
        ("recorded", "valueInstant", provenance.get("recorded")),
        ("activity", "valueCode", next((one.get("code") for one in codings(provenance)), None)),
    ]
    for policy in provenance.get("policy", ()):
        if match := POLICY.fullmatch(policy):
            parts += [("mapping", "valueString", match["name"]), ("mapping-version", "valueString", match["version"])]
    for entity in provenance.get("entity", ()):
        parts += source_of(entity.get("what", {}))
    agents = [agent["who"] for agent in provenance.get("agent", ()) if "reference" in agent.get("who", {})]
    parts += [("institution", "valueReference", who) for who in agents if who["reference"].startswith("Organization/")]
    parts += [("agent", "valueReference", who) for who in agents if not who["reference"].startswith("Organization/")]
    return [{"name": name, kind: value} for name, kind, value in parts if value]


def codings(provenance: Resource) -> list[Resource]:
    return list(provenance.get("activity", {}).get("coding", []))


def source_of(what: Resource) -> list[tuple[str, str, Any]]:
    """The record or file that an entity names."""
    identifier = what.get("identifier", {})
    system, value, display = str(identifier.get("system", "")), identifier.get("value"), str(what.get("display", ""))
    if system.endswith(RECORD):
        match = DISPLAY.fullmatch(display)
        parts: list[tuple[str, str, Any]] = [("record", "valueString", value)]
        if match:
            parts.append(("record-number", "valueInteger", int(match["number"])))
            parts.append(("record-digest", "valueString", match["digest"]))
        return parts
    if system.endswith(FILE):
        return [("file", "valueString", display), ("file-digest", "valueString", value)]
    return []
