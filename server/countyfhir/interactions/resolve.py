"""References inside a transaction: to other entries by their full URL, and conditional ones, resolved last (R4
3.1.0.11.2)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from countyfhir.exchange import Criteria, Grant, Interaction, Resource, Write, changed
from countyfhir.interactions import references
from countyfhir.interactions.bundle_entries import BundleEntry, at_entry
from countyfhir.interactions.criteria import criteria_text
from countyfhir.interactions.draft import Draft
from countyfhir.interactions.needs import Key
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError
from countyfhir.search import extract
from countyfhir.search.holds import holds
from countyfhir.search.query import Query


@dataclass(slots=True)
class Resolved:
    """The resources of a transaction after every reference was resolved, and the criteria that this rests on."""

    resources: dict[Key, Resource] = field(default_factory=dict)
    criteria: tuple[Criteria, ...] = ()

    def written(self, write: Write) -> Write:
        """The write with its resolved resource."""
        resource = self.resources.get((write.resource_type, write.logical_id))
        return write if resource is None else replace(write, resource=resource)


async def resolve(writing: list[BundleEntry], drafts: list[Draft], grant: Grant, world: World) -> Resolved:
    """Rewrite all resources of the drafts; 412 for a conditional reference that selects none or several."""
    mapping = mapping_of(writing, drafts)
    resources: dict[Key, Resource] = {}
    conditional: dict[str, BundleEntry] = {}
    owners: dict[Key, list[str]] = {}
    for entry, draft in zip(writing, drafts, strict=True):
        for one in draft.writes:
            if one.resource is None:
                continue
            key = (one.resource_type, one.logical_id)
            resources[key] = references.rewrite(one.resource, mapping) if mapping else one.resource
            owners[key] = [reference for _, reference in references.conditional(resources[key])]
            conditional |= {text: entry for text in owners[key] if text not in conditional}
    if not conditional:
        return Resolved(resources)
    deleted = {(one.resource_type, one.logical_id) for draft in drafts for one in draft.writes if one.resource is None}
    targets: dict[str, str] = {}
    criteria: list[Criteria] = []
    for text, entry in conditional.items():
        targets[text] = await _target(text, entry, resources, deleted, criteria, grant, world)
    for key, texts in owners.items():
        if texts:
            resources[key] = references.replace_conditional(resources[key], targets)
    return Resolved(resources, tuple(criteria))


def mapping_of(writing: list[BundleEntry], drafts: list[Draft]) -> dict[str, str]:
    """Full URL of an entry -> ``Type/id`` it has on this server. A RESTful full URL also stands for its relative
    form."""
    mapping: dict[str, str] = {}
    for entry, draft in zip(writing, drafts, strict=True):
        if entry.full_url is None:
            continue
        identity = _identity(draft)
        if identity is None:
            continue
        mapping[entry.full_url] = identity
        relative = "/".join(entry.full_url.rsplit("/", 2)[-2:])
        if (
            entry.full_url.startswith(("http://", "https://"))
            and relative.partition("/")[0] == identity.partition("/")[0]
        ):
            mapping.setdefault(relative, identity)
    return {url: identity for url, identity in mapping.items() if url != identity}


def _identity(draft: Draft) -> str | None:
    if draft.writes and draft.writes[0].resource is not None:
        return f"{draft.writes[0].resource_type}/{draft.writes[0].logical_id}"
    if draft.existing is not None and draft.status != 204:
        return f"{draft.existing.resource_type}/{draft.existing.logical_id}"
    return None


async def _target(
    text: str,
    entry: BundleEntry,
    resources: dict[Key, Resource],
    deleted: set[Key],
    criteria: list[Criteria],
    grant: Grant,
    world: World,
) -> str:
    """The one resource a conditional reference selects among the stored ones and those of this transaction."""
    try:
        query = _query(text, entry.interaction, world)
    except FhirError as error:
        raise at_entry(entry.index, error) from error
    page = await world.store.resources.search(replace(query, count=2 + len(deleted)), grant)
    criteria.append(Criteria(replace(query, count=2 + len(deleted)), frozenset(one.logical_id for one in page.matches)))
    stored = {(one.resource_type, one.logical_id) for one in page.matches} - deleted - resources.keys()
    mine = {
        key
        for key, resource in resources.items()
        if key[0] == query.resource_types[0] and _holds(query, resource, entry, world)
    }
    selected = stored | mine
    if len(selected) == 1:
        resource_type, logical_id = next(iter(selected))
        return f"{resource_type}/{logical_id}"
    code, said = ("multiple-matches", "several resources") if selected else ("not-found", "nothing")
    problem = FhirError(
        code, f"The conditional reference to {query.resource_types[0]} selects {said}; it must select one.", status=412
    )
    raise at_entry(entry.index, problem)


def _query(text: str, interaction: Interaction, world: World) -> Query:
    resource_type, _, criteria = text.partition("?")
    if resource_type not in world.definitions.endpoint_types:
        raise FhirError(
            "value", f"A conditional reference starts with a resource type; '{resource_type[:64]}' is none."
        )
    return criteria_text(changed(interaction, resource_type=unquote(resource_type)), criteria, world)


def _holds(query: Query, resource: Resource, entry: BundleEntry, world: World) -> bool:
    indexed = extract.index(resource, world.search, entry.interaction.base)
    return holds(query.where, Write("PUT", resource["resourceType"], resource["id"], resource, entries=indexed.entries))
