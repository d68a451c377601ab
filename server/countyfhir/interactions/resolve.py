"""References inside a transaction: to other entries by their full URL, and conditional ones, resolved last (R4
3.1.0.11.2)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple
from urllib.parse import unquote

from countyfhir.exchange import Criteria, Grant, Interaction, Resource, Write, changed
from countyfhir.interactions import references
from countyfhir.interactions.bundle_entries import BundleEntry
from countyfhir.interactions.criteria import criteria_text
from countyfhir.interactions.draft import Draft
from countyfhir.interactions.needs import Key, narrowed
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError, at_entry
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
        return write if resource is None or resource is write.resource else replace(write, resource=resource)


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
            names = mapping.seen_from(entry.full_url)
            resources[key] = references.rewrite(one.resource, names) if names else one.resource
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


class Mapping(NamedTuple):
    """What the entries of a bundle are called: ``absolute`` full URLs, and ``relative`` forms by the base of the
    RESTful full URLs they come from; all map to what they are on this server."""

    absolute: dict[str, str]
    relative: dict[str, dict[str, str]]

    def seen_from(self, full_url: str | None) -> dict[str, str]:
        """What a resource under ``full_url`` may call the others. A relative reference is read against the base of
        its own full URL (R4 2.36.4.1); from an entry without one, against any base; under a urn it is this server's."""
        if not self.relative:
            return self.absolute
        if full_url is None:
            names: dict[str, str] = {}
            for one in self.relative.values():
                names = one | names
            return names | self.absolute
        base = _restful(full_url)
        return self.absolute | self.relative.get(base[0], {}) if base else self.absolute


def mapping_of(writing: list[BundleEntry], drafts: list[Draft]) -> Mapping:
    """Full URLs and their relative forms -> ``Type/id`` on this server; also of versions (R4 2.36.4.1)."""
    mapping = Mapping({}, {})
    for entry, draft in zip(writing, drafts, strict=True):
        identity = _identity(draft)
        if entry.full_url is None or identity is None:
            continue
        _name(mapping.absolute, entry.full_url, identity, entry, draft)
        restful = _restful(entry.full_url)
        if restful and restful[1].partition("/")[0] == identity.partition("/")[0] and restful[1] != identity:
            _name(mapping.relative.setdefault(restful[0], {}), restful[1], identity, entry, draft)
    return mapping


def _name(names: dict[str, str], name: str, identity: str, entry: BundleEntry, draft: Draft) -> None:
    """Note what an entry is called, and its version: the one it says it has, or any where it says none."""
    names[name] = identity
    if name.endswith(f"/{identity}"):
        return  # an update in place: the versions it names are those that are here
    said = (entry.interaction.body.get("meta") or {}) if isinstance(entry.interaction.body, dict) else {}
    sent = said.get("versionId") if isinstance(said, dict) else None
    names[f"{name}{references.ANY_VERSION}{sent or ''}"] = f"{identity}/_history/{_version(draft)}"


def _restful(full_url: str) -> tuple[str, str] | None:
    """Base and ``Type/id`` of a RESTful full URL; None for a urn."""
    base, _, rest = full_url.rpartition("/")
    base, _, resource_type = base.rpartition("/")
    return (base, f"{resource_type}/{rest}") if full_url.startswith(("http://", "https://")) and base else None


def _version(draft: Draft) -> int:
    """The version that an entry shows after the commit."""
    if draft.writes:
        return (draft.writes[0].expected_version or 0) + 1
    return (draft.existing.version_id if draft.existing is not None else 0) or 1


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
        raise at_entry(error, entry.index) from error
    page = await world.store.resources.search(replace(query, count=2 + len(deleted)), grant)
    asked = narrowed(replace(query, count=2 + len(deleted)), grant)
    criteria.append(Criteria(asked, frozenset(one.logical_id for one in page.matches)))
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
    raise at_entry(problem, entry.index)


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
