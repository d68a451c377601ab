"""What one $apply knows and collects: who is concerned, what the record says, what was found worth saying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote

from countyfhir.exchange import Grant, Interaction, Preconditions, Resource, changed
from countyfhir.interactions.perform import perform
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError, Issue
from countyfhir.workflow.chronic.days import ZONE

MOST_FOUND = 1000
DEEPEST = 8


@dataclass(slots=True)
class Applying:
    """``variables``: what expressions know by ``%name``; ``contained``: the resources made so far, by id; ``said``:
    what could not be carried over, as issues of the answer."""

    interaction: Interaction
    grant: Grant
    world: World
    subject: Resource
    variables: dict[str, Any]
    contained: dict[str, Resource] = field(default_factory=dict)
    singles: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, None] = field(default_factory=dict)
    canonicals: dict[str, None] = field(default_factory=dict)
    goals: dict[str, str] = field(default_factory=dict)
    said: list[Issue] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """The instant of the call, in the county's zone."""
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.world.now())).astimezone(ZONE)

    def say(self, code: str, text: str, *expression: str) -> None:
        """Report a part of a definition that is not carried over."""
        self.said.append(Issue(code, text, expression, "warning"))

    def take(self, resource: Resource, name: str) -> str:
        """Keep a resource for the answer; the id it is contained by."""
        taken = {inner.lower() for inner in self.contained}
        base, number = name or resource["resourceType"].lower(), 1
        while (base if number == 1 else f"{base}-{number}").lower() in taken:
            number += 1
        resource["id"] = base if number == 1 else f"{base}-{number}"
        self.contained[resource["id"]] = resource
        return str(resource["id"])

    def reference(self, name: str) -> Resource | None:
        """A Reference to the subject, encounter, practitioner or organization in context."""
        found = self.variables.get(name)
        if not isinstance(found, dict):
            return None
        return {"reference": f"{found['resourceType']}/{found['id']}"}

    async def read(self, reference: str) -> Resource:
        """A resource of this server; FhirError where it is none, or none that the caller may see."""
        told = reference.removeprefix(self.interaction.base.rstrip("/") + "/").partition("/_history/")[0]
        kind, _, logical_id = told.partition("/")
        if kind not in self.world.definitions.endpoint_types or not logical_id or "/" in logical_id:
            raise FhirError("value", "A reference to a resource of this server is needed.", expression="reference")
        asking = self._asking("read", resource_type=kind, logical_id=logical_id)
        answer = await perform(asking, self.world, self.grant)
        assert isinstance(answer.body, bytes)
        found = json.parse(answer.body)
        assert isinstance(found, dict)
        return found

    async def search(self, resource_type: str, criteria: str) -> list[Resource]:
        """What a search finds that the caller may see, at most ``MOST_FOUND``."""
        if resource_type not in self.world.definitions.endpoint_types:
            raise FhirError("not-supported", "A search names a type of this server.", status=422)
        pairs = tuple(parse_qsl(criteria, keep_blank_values=True))
        query = pairs if any(name == "_count" for name, _ in pairs) else (*pairs, ("_count", str(MOST_FOUND)))
        answer = await perform(
            self._asking("search-type", resource_type=resource_type, query=query), self.world, self.grant
        )
        bundle = json.parse(answer.body) if isinstance(answer.body, bytes) else answer.body
        entries = (bundle or {}).get("entry", ())
        return [one["resource"] for one in entries if one.get("search", {}).get("mode") == "match"]

    async def canonical(self, canonical: str, holder: Resource, *types: str) -> Resource:
        """The definition that a canonical names: contained in its holder (``#id``), or stored here, the latest version
        unless one is named. FhirError 422 where there is none."""
        url, _, version = canonical.partition("|")
        if url.startswith("#"):
            inner = (one for one in holder.get("contained", ()) if one.get("id") == url[1:])
            found = [one for one in inner if one["resourceType"] in types]
        else:
            criteria = f"url={_escaped(url)}" + (f"&version={_escaped(version)}" if version else "")
            found = [one for kind in types for one in await self.search(kind, criteria)]
            shipped = None if found or self.world.rules is None else self.world.rules.definition(url)
            if shipped is not None and shipped["resourceType"] in types and version in ("", shipped.get("version")):
                found = [shipped]  # not in the store yet
        if not found:
            text = f"The definition {unquote(canonical)[:200]} is not here ({' or '.join(types)})."
            raise FhirError("not-found", text, status=422, expression="definitionCanonical")
        return max(found, key=lambda one: (one.get("status") == "active", _version(one)))

    def _asking(self, kind: str, **changes: Any) -> Interaction:
        plain: Mapping[str, Any] = {"logical_id": None, "query": (), **changes}
        return changed(self.interaction, kind=kind, operation=None, body=None, preconditions=Preconditions(), **plain)


def _version(definition: Resource) -> tuple[tuple[int, str], ...]:
    parts = str(definition.get("version", "")).split(".")
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("&", "%26").replace("+", "%2B").replace(",", "\\,")
