"""Packages into a store and out again, through the one door: in transactions, halved where one is refused so that one
bad resource does not keep out the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from countyfhir.cli.packages import archive, ledger
from countyfhir.cli.packages.archive import Manifest
from countyfhir.cli.packages.ledger import Installed, digest
from countyfhir.exchange import SYSTEM, Interaction, Resource
from countyfhir.interactions.route import ID
from countyfhir.model import json
from countyfhir.outcome import FhirError

AT_A_TIME = 100
Key = tuple[str, str]
Tell = Callable[[int], None]


@dataclass(slots=True)
class Tally:
    """What an installation came to: the resources that are in, and (resource, reason) of those refused."""

    keys: list[Key] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


async def install(package: Manifest, world: Any, *, examples: bool = False, tell: Tell = lambda count: None) -> Tally:
    """Write the resources of a package and its ledger entry. ``tell`` hears how many have been looked at. PackageError
    for a package that cannot be read."""
    tally = Tally()
    for group in grouped(archive.resources(package.path, examples=examples)):
        writes = [await placed(resource, world) for resource in group if is_own(resource, package)]
        await written(writes, world, tally)
        tell(len(group))
    tally.keys = list(dict.fromkeys(tally.keys))
    await send([put(ledger.entry(package, tally.keys))], world)
    return tally


def is_own(resource: Resource, package: Manifest) -> bool:
    """Whether a resource is to be written: R4's own definitions are there already."""
    of_r4 = str(resource.get("url", "")).startswith("http://hl7.org/fhir/") and resource.get("version") == "4.0.1"
    return not of_r4 or package.name != archive.CORE


def grouped(resources: Iterable[Resource]) -> Iterator[list[Resource]]:
    """The resources in groups for one transaction each."""
    group: list[Resource] = []
    for one in resources:
        group.append(one)
        if len(group) == AT_A_TIME:
            yield group
            group = []
    if group:
        yield group


async def placed(resource: Resource, world: Any) -> Resource:
    """The resource with the id to write it at: its own, or where that is taken by something else (another version, or
    another canonical) one that its canonical makes."""
    name = str(resource["resourceType"])
    canonical = f"{resource.get('url', '')}|{resource.get('version', '')}"
    own = resource.get("id")
    if not isinstance(own, str) or not ID.match(own):
        return {**resource, "id": f"resource-{digest(canonical + str(own))}"}
    found = await world.store.resources.read(name, own)
    if found is None or found.body is None or "url" not in resource:
        return resource
    there = json.parse(found.body)
    if f"{there.get('url', '')}|{there.get('version', '')}" == canonical:
        return resource
    return {**resource, "id": f"{own[: ledger.LONGEST_ID - 9]}-{digest(canonical)}"}


async def written(resources: list[Resource], world: Any, tally: Tally) -> None:
    """Write them in one transaction; halve what is refused until only the refused ones are left."""
    if not resources:
        return
    try:
        await send([put(one) for one in resources], world)
    except FhirError as error:
        if len(resources) == 1:
            name = f"{resources[0]['resourceType']}/{resources[0]['id']}"
            tally.refused.append((name, error.issues[0].diagnostics))
            return
        half = len(resources) // 2
        await written(resources[:half], world, tally)
        await written(resources[half:], world, tally)
    else:
        tally.keys += [(str(one["resourceType"]), str(one["id"])) for one in resources]


def put(resource: Resource) -> dict[str, Any]:
    """The entry that writes a resource at its id."""
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": url}}


async def send(entries: list[dict[str, Any]], world: Any) -> None:
    """One transaction through the one door."""
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    await world.perform(Interaction("transaction", body=bundle, principal=SYSTEM, http_method="POST"))


async def remove(package: Installed, others: Iterable[Installed], world: Any) -> tuple[int, list[str]]:
    """Take a package out: its ledger entry first, then its resources, but none that another package brought too.
    Returns how many were removed, and those that must stay because others point to them."""
    kept = {key for one in others if one.logical_id != package.logical_id for key in one.resources}
    await delete("ImplementationGuide", package.logical_id, world)
    removed, held = 0, list[str]()
    left = [key for key in package.resources if key not in kept]
    while left:  # what points to others goes first, so that a round frees the next
        held, before = [], removed
        again: list[Key] = []
        for key in left:
            try:
                await delete(*key, world)
                removed += 1
            except FhirError as error:
                if error.status in (404, 410):
                    continue
                again.append(key)
                held.append(f"{'/'.join(key)}: {error.issues[0].diagnostics}")
        left = again if removed > before else []
    return removed, held


async def delete(resource_type: str, logical_id: str, world: Any) -> None:
    """Delete one resource."""
    await world.perform(Interaction("delete", resource_type, logical_id, principal=SYSTEM, http_method="DELETE"))
