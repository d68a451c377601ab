"""$meta, $meta-add, $meta-delete: profiles, security labels and tags (OperationDefinition Resource-meta, -add,
-delete)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction, Preconditions, Resource, Stored, Write, changed
from countyfhir.interactions import merge_meta
from countyfhir.interactions.draft import Draft
from countyfhir.interactions.needs import Found, Needs
from countyfhir.interactions.read import read, vread
from countyfhir.interactions.world import World
from countyfhir.interactions.write import write
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.search.query import Missing, Query


async def meta(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """The meta of a resource or of one of its versions, as Parameters with ``return``; on a type or the whole server
    all profiles, labels and tags that are in use there."""
    if interaction.logical_id is None:
        return await _in_use(interaction, grant, world)
    reader = vread if interaction.version_id is not None else read
    answer = await reader(changed(interaction, preconditions=Preconditions()), grant, world)
    assert isinstance(answer.body, bytes)
    return _returned(json.parse(answer.body))


_PAGE = 500


async def _in_use(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Every profile, security label and tag of the resources that the grant shows."""
    types = (
        (interaction.resource_type,) if interaction.resource_type else tuple(sorted(world.definitions.endpoint_types))
    )
    with_meta = tuple(Missing(name, missing=False) for name in ("_profile", "_security", "_tag"))
    query = Query(types, (with_meta,), count=_PAGE)
    found: merge_meta.Meta = {}
    while True:
        page = await world.store.resources.search(query, grant)
        for one in page.matches:
            assert one.body is not None
            found = merge_meta.added(found, json.parse(one.body).get("meta", {}))
        if page.cursor is None:
            ordered = {name: found[name] for name in merge_meta.SETS if name in found}
            return _returned({"meta": ordered})
        query = replace(query, cursor=page.cursor)


async def meta_add(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Add the members of the ``meta`` parameter; a new version where that changes anything."""
    return await _change(interaction, grant, world, merge_meta.added)


async def meta_delete(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Remove the members of the ``meta`` parameter."""
    return await _change(interaction, grant, world, merge_meta.removed)


async def _change(interaction: Interaction, grant: Grant, world: World, change: Any) -> Answer:
    given = _given(interaction)

    def needs(asked: Interaction, _: World) -> Needs:
        return Needs(frozenset({(str(asked.resource_type), str(asked.logical_id))}))

    def build(asked: Interaction, found: Found, _: World) -> Draft:
        current = _current(asked, found)
        assert current.body is not None
        resource = json.parse(current.body)
        before = resource.get("meta", {})
        after = change(before, given)
        if after == before:
            return Draft((), (), 200, current)
        changed = Write(
            "PUT", current.resource_type, current.logical_id, {**resource, "meta": after}, current.version_id
        )
        return Draft((changed,), (), 200)

    if interaction.version_id is not None:
        raise FhirError(
            "not-supported", "The meta of an old version does not change; call this on the resource.", status=405
        )
    answer = await write(interaction, grant, world, needs, build)
    assert isinstance(answer.body, bytes)
    return _returned(json.parse(answer.body))


def _current(asked: Interaction, found: Found) -> Stored:
    current = found.current(str(asked.resource_type), str(asked.logical_id))
    if current is None:
        raise FhirError("not-found", f"{asked.resource_type}/{asked.logical_id} is not known.")
    if current.deleted:
        raise FhirError("deleted", f"{asked.resource_type}/{asked.logical_id} was deleted.")
    return current


def _given(interaction: Interaction) -> dict[str, Any]:
    body = interaction.body
    if isinstance(body, dict) and body.get("resourceType") == "Parameters":
        for parameter in body.get("parameter", []):
            if (
                isinstance(parameter, dict)
                and parameter.get("name") == "meta"
                and isinstance(parameter.get("valueMeta"), dict)
            ):
                given: dict[str, Any] = parameter["valueMeta"]
                return given
    raise FhirError(
        "required",
        "Send a Parameters resource with one parameter 'meta' (valueMeta).",
        expression="Parameters.parameter",
    )


def _returned(resource: Resource) -> Answer:
    """An empty Meta has no form in FHIR: where nothing is known there is no ``return``."""
    meta = resource.get("meta")
    returned: Resource = {"resourceType": "Parameters"}
    if meta:
        returned["parameter"] = [{"name": "return", "valueMeta": meta}]
    return Answer(200, body=returned)
