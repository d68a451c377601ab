"""What the operations on contracts are asked, and how they read and write: through the one door, as the caller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction, Preconditions, Preferences, Resource, changed
from countyfhir.interactions.perform import perform
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.operations.given import parameters_in, refuse_unknown, value_of
from countyfhir.outcome import FhirError

Given = dict[str, list[Any]]


def given_of(interaction: Interaction, known: tuple[str, ...]) -> Given:
    """Parameters by name: plain values, and those with parts as dicts of lists. FhirError for what is not known."""
    found: Given = {}
    for name, value in interaction.query:
        if name not in ("_format", "_pretty"):
            found.setdefault(name, []).append(value)
    for name, values in _parts(parameters_in(interaction)).items():
        found.setdefault(name, []).extend(values)
    refuse_unknown(found, interaction, known)
    return found


def _parts(listed: Sequence[Resource]) -> Given:
    found: Given = {}
    for one in listed:
        found.setdefault(str(one.get("name")), []).append(_parts(one["part"]) if "part" in one else value_of(one))
    return found


def text_of(given: Given, name: str, *, needed: bool = False) -> str | None:
    """A single text, code, date or the reference of a Reference; FhirError when it is needed and not there."""
    values = given.get(name, [])
    if not values and needed:
        raise FhirError("required", f"The parameter {name} is needed.", expression=place(name))
    if len(values) > 1:
        raise FhirError("value", f"The parameter {name} is given once.", expression=place(name))
    value = values[0] if values else None
    if isinstance(value, dict):
        value = value.get("reference")
    if value is None and values:
        raise FhirError("value", f"The parameter {name} needs a value.", expression=place(name))
    return None if value is None else str(value)


def place(name: str) -> str:
    """The FHIRPath of a parameter."""
    return f"Parameters.parameter.where(name = '{name}')"


async def read(reference: str, interaction: Interaction, grant: Grant, world: World) -> Resource:
    """A resource the caller may read; FhirError as a read of it gives."""
    resource_type, _, logical_id = reference.rpartition("/")
    asking = _asking(interaction, kind="read", resource_type=resource_type.rpartition("/")[2], logical_id=logical_id)
    answer = await perform(asking, world, grant)
    assert isinstance(answer.body, bytes)
    return json.parse(answer.body)


async def found(
    resource_type: str, pairs: tuple[tuple[str, str], ...], interaction: Interaction, grant: Grant, world: World
) -> list[Resource]:
    """Everything that a search gives the caller, page by page."""
    resources: list[Resource] = []
    query = (*pairs, ("_count", str(world.policy.max_count)))
    while True:
        asking = _asking(interaction, kind="search-type", resource_type=resource_type, logical_id=None, query=query)
        answer = await perform(asking, world, grant)
        assert isinstance(answer.body, bytes)
        page = json.parse(answer.body)
        resources += [one["resource"] for one in page.get("entry", ()) if one["search"]["mode"] == "match"]
        following = next((one["url"] for one in page.get("link", ()) if one["relation"] == "next"), None)
        if following is None:
            return resources
        query = _query_of(following)


def _query_of(url: str) -> tuple[tuple[str, str], ...]:
    from urllib.parse import parse_qsl

    return tuple(parse_qsl(url.partition("?")[2], keep_blank_values=True))


async def transacted(entries: list[Resource], interaction: Interaction, grant: Grant, world: World) -> list[Resource]:
    """The resources of the entries as they are stored, after one transaction."""
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    preferences = Preferences(returns="representation")
    asking = _asking(
        interaction, kind="transaction", resource_type=None, logical_id=None, body=bundle, preferences=preferences
    )
    answer = await perform(asking, world, grant)
    assert isinstance(answer.body, bytes)
    return [one["resource"] for one in json.parse(answer.body)["entry"] if "resource" in one]


def _asking(interaction: Interaction, **more: Any) -> Interaction:
    plain = {"operation": None, "query": (), "body": None, "preconditions": Preconditions(), "text": None}
    return changed(interaction, **(plain | more))


def put(resource: Resource, version: str | None = None) -> Resource:
    """A transaction entry that updates; ``version`` guards against others' changes."""
    reference = f"{resource['resourceType']}/{resource['id']}"
    guard = {"ifMatch": f'W/"{version}"'} if version is not None else {}
    return {"fullUrl": f"urn:x-countyfhir:{reference}", "resource": resource} | {
        "request": {"method": "PUT", "url": reference, **guard}
    }


def collection(resources: list[Resource], interaction: Interaction, status: int) -> Answer:
    """The resources as a Bundle (collection), the first of them named by Location."""
    entries = [
        {"fullUrl": f"{interaction.base}/{one['resourceType']}/{one['id']}", "resource": one} for one in resources
    ]
    subjects = [one for each in resources if each["resourceType"] == "Contract" for one in each.get("subject", ())]
    patients = {str(one.get("reference", "")).rpartition("/")[2] for one in subjects}
    body = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    headers = {"Location": str(entries[0]["fullUrl"])} if status == 201 and entries else {}
    return Answer(status, headers, body, patients=tuple(sorted(patients - {""})))
