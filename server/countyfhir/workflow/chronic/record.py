"""The record as a rule of chronic care sees and changes it: what the rules have written so far first, then the plan,
then the store. What would not change is not written."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.situation import Situation, Verdict

_NAMES = uuid.UUID("6f0d2d4e-6a53-5b0e-9a1d-3a3b6f2f9c11")
_STAMPS = ("versionId", "lastUpdated")


def derived_id(*parts: str) -> str:
    """The same id for the same parts, so that what is done again is written to the same resource."""
    return str(uuid.uuid5(_NAMES, "/".join(parts)))


@dataclass(frozen=True, slots=True)
class Record:
    """Reads and writes of one judgement."""

    situation: Situation
    verdict: Verdict

    async def read(self, reference: str | None) -> Resource | None:
        """The resource as it will be; None where there is none."""
        kind, _, logical_id = (reference or "").rpartition("/")
        left = self.verdict.resources.get((kind.rpartition("/")[2], logical_id))
        return left if left is not None else await self.situation.look.read(reference)

    async def find(
        self, resource_type: str, subject: str, criteria: str, test: Callable[[Resource], bool], *, bound: bool = False
    ) -> list[Resource]:
        """The resources about a Patient that pass the test, by id: among those that match in the store (also those of
        other records of the same person), that the plan writes, and that rules have written."""
        asked = f"patient={subject}&{criteria}" if criteria else f"patient={subject}"
        found = {one["id"]: one for one in await self.situation.look.search(resource_type, asked, bound=bound)}
        for change in self.situation.changes:
            if change.resource_type == resource_type and change.after is not None and _about(change.after, subject):
                found[change.logical_id] = {**change.after, "id": change.logical_id}
        for (kind, logical_id), resource in self.verdict.resources.items():
            if kind == resource_type and (_about(resource, subject) or logical_id in found):
                found[logical_id] = resource
        return [found[logical_id] for logical_id in sorted(found) if test(found[logical_id])]

    async def put(self, resource: Resource) -> None:
        """Write it, unless it is there like this already."""
        present = await self.read(f"{resource['resourceType']}/{resource['id']}")
        if present is None or _plain(present) != _plain(resource):
            self.verdict.write(resource)


def _about(resource: Resource, subject: str) -> bool:
    for name in ("patient", "subject", "for"):
        told = resource.get(name)
        if any(refers(one, subject) for one in (told if isinstance(told, list) else [told])):
            return True
    return False


def _plain(resource: Resource) -> Resource:
    meta = {name: value for name, value in (resource.get("meta") or {}).items() if name not in _STAMPS}
    return {**{name: value for name, value in resource.items() if name != "meta"}, **({"meta": meta} if meta else {})}


def reference_of(resource: Resource) -> str:
    """``Type/id``."""
    return f"{resource['resourceType']}/{resource['id']}"


def refers(element: Any, reference: str | None) -> bool:
    """Whether a Reference leads to ``Type/id``, of whatever version and with whatever address before it."""
    told = str((element or {}).get("reference", "")).partition("/_history/")[0]
    return reference is not None and (told == reference or told.endswith("/" + reference))


def local(element: Any) -> str | None:
    """``Type/id`` of a literal Reference; None for another."""
    told = str((element or {}).get("reference", "")).partition("/_history/")[0]
    parts = told.rsplit("/", 2)
    return "/".join(parts[-2:]) if len(parts) >= 2 and not told.startswith(("#", "urn:")) else None


def codes_in(concepts: Iterable[Resource] | Resource | None, system: str) -> list[str]:
    """The codes of a system in a CodeableConcept or several."""
    listed = [concepts] if isinstance(concepts, dict) else (concepts or ())
    return [
        str(coding.get("code")) for one in listed for coding in one.get("coding", ()) if coding.get("system") == system
    ]
