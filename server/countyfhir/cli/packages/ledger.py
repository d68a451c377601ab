"""What is installed: one ImplementationGuide a package, which names every resource that came with it, so that every
worker and every store knows (R4 ImplementationGuide)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from countyfhir.cli.packages.archive import Manifest
from countyfhir.exchange import SYSTEM, Interaction, Resource
from countyfhir.model import json

TAG = {"system": "https://fhir.county-hc.example/CodeSystem/record-kind", "code": "installed-package"}
"""Marks the ledger entries among other ImplementationGuides (a local code)."""
SHORTENED = re.compile(r"[^A-Za-z0-9\-.]")
LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class Installed:
    """A package that is installed: its ledger entry, and the resources that came with it as (type, id)."""

    name: str
    version: str
    title: str
    logical_id: str
    resources: tuple[tuple[str, str], ...]

    @property
    def label(self) -> str:
        """NAME@VERSION."""
        return f"{self.name}@{self.version}"


async def installed(world: Any) -> list[Installed]:
    """All installed packages, by name and version."""
    query: tuple[tuple[str, str], ...] = (("_tag", f"{TAG['system']}|{TAG['code']}"), ("_count", "200"))
    found: list[Installed] = []
    while query:
        bundle = await answer(world, Interaction("search-type", "ImplementationGuide", query=query, principal=SYSTEM))
        found += [read(entry["resource"]) for entry in bundle.get("entry", ())]
        query = following(bundle)
    return sorted(found, key=lambda one: (one.name, one.version))


def following(bundle: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The parameters of the next page; () on the last one."""
    from urllib.parse import parse_qsl, urlsplit

    address = next((one["url"] for one in bundle.get("link", ()) if one.get("relation") == "next"), "")
    return tuple(parse_qsl(urlsplit(address).query, keep_blank_values=True))


async def answer(world: Any, interaction: Interaction) -> dict[str, Any]:
    """The answer of the one door, parsed."""
    found = (await world.perform(interaction)).body
    body: dict[str, Any] = json.parse(found) if isinstance(found, bytes) else found or {}
    return body


def read(guide: Resource) -> Installed:
    """A ledger entry."""
    references = [one["reference"]["reference"] for one in guide.get("definition", {}).get("resource", ())]
    keys = tuple((kind, logical_id) for kind, _, logical_id in (one.partition("/") for one in references))
    return Installed(guide["packageId"], guide.get("version", ""), guide.get("title", ""), guide["id"], keys)


def entry(package: Manifest, keys: list[tuple[str, str]]) -> Resource:
    """The ledger entry of a package that brought these resources."""
    name = re.sub(r"\W", "_", package.name)
    guide: Resource = {
        "resourceType": "ImplementationGuide",
        "id": identity(package.label),
        "meta": {"tag": [TAG]},
        "url": f"https://fhir.county-hc.example/ImplementationGuide/{identity(package.label)}",
        "version": package.version,
        "name": f"Package_{name}",
        "title": package.title or package.name,
        "status": "active",
        "packageId": package.name,
        "fhirVersion": ["4.0.1"],
    }
    if keys:
        guide["definition"] = {"resource": [{"reference": {"reference": "/".join(key)}} for key in keys]}
    return guide


def identity(label: str) -> str:
    """The logical id of a ledger entry."""
    text = "package-" + SHORTENED.sub("-", label)
    return text if len(text) <= LONGEST_ID else text[: LONGEST_ID - 9] + "-" + digest(label)


def digest(text: str) -> str:
    """Eight characters that tell texts apart."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
