"""Everything a server or a store serves of the resources that an intake makes, read through FHIR searches."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Resource = dict[str, Any]
Record = tuple[str, str]
"""File and natural key of a source record, as the truth names them."""

TYPES = (
    *("Provenance", "Patient", "AllergyIntolerance", "Composition", "Condition", "Consent", "Contract"),
    *("DiagnosticReport", "DocumentReference", "Encounter", "ImagingStudy", "Linkage", "MedicationRequest"),
    *("Observation", "Procedure", "QuestionnaireResponse", "Appointment", "ServiceRequest", "Task", "Flag", "CarePlan"),
)
PAGE = 500


@dataclass(slots=True)
class Served:
    """Resources by reference, and which source records each stems from (by its Provenances)."""

    resources: dict[str, Resource] = field(default_factory=dict)
    of_record: dict[Record, list[str]] = field(default_factory=lambda: defaultdict(list))
    records_of: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))

    def made_of(self, file: str, key: str) -> list[Resource]:
        """The resources of a record. A key of the truth may say more than the natural key (its version, its state), or
        less (the study of an image)."""
        while True:
            if (file, key) in self.of_record:
                found = dict.fromkeys(self.of_record[file, key])
                return [self.resources[reference] for reference in found if reference in self.resources]
            if ";" not in key:
                break
            key = key.rpartition(";")[0]
        longer = [record for record in self.of_record if record[0] == file and record[1].startswith(f"{key};")]
        found = dict.fromkeys(reference for record in longer for reference in self.of_record[record])
        return [self.resources[reference] for reference in found if reference in self.resources]

    def referred(self, made: list[Resource]) -> list[Resource]:
        """What the resources refer to."""
        found = [self.resources.get(reference) for one in made for reference in references(one)]
        return [one for one in found if one is not None]

    def patients_of_system(self, folder: str, number: str) -> list[Resource]:
        """The Patients that records of a folder state and that carry the number."""
        return [
            self.resources[reference]
            for reference, records in self.records_of.items()
            if reference in self.resources
            and reference.startswith("Patient/")
            and any(file.startswith(f"{folder}/") for file, _ in records)
            and any(one.get("value") == number for one in self.resources[reference].get("identifier", ()))
        ]


def references(node: Any) -> Iterator[str]:
    """Every reference inside a resource."""
    if isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        for part in node.values():
            yield from references(part)
    elif isinstance(node, list):
        for part in node:
            yield from references(part)


def understood(resources: Iterator[Resource]) -> Served:
    """Resources, with their origin taken from the Provenances among them."""
    served = Served()
    for resource in resources:
        served.resources[f"{resource['resourceType']}/{resource['id']}"] = resource
    for resource in served.resources.values():
        if resource["resourceType"] == "Provenance" and (record := origin(resource)) is not None:
            for target in resource["target"]:
                reference = target["reference"].split("/_history/")[0]
                served.of_record[record].append(reference)
                served.records_of[reference].append(record)
    return served


def origin(provenance: Resource) -> Record | None:
    """The source record that a Provenance names."""
    for entity in provenance.get("entity", ()):
        what = entity["what"]
        if what.get("identifier", {}).get("system", "").endswith("/id/source-record"):
            file, _, sheet = what["display"].partition(", record ")[0].partition("!")
            key = what["identifier"]["value"].partition("?")[2]
            return file, f"{sheet}!{key}" if sheet else key
    return None


def from_server(url: str, token: str | None = None) -> Iterator[Resource]:
    """All resources of a server, page by page."""
    headers = {"Accept": "application/fhir+json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    for resource_type in TYPES:
        page: str | None = f"{url.rstrip('/')}/{resource_type}?_count={PAGE}"
        while page:
            with urllib.request.urlopen(urllib.request.Request(page, headers=headers)) as answer:
                bundle = json.load(answer)
            yield from (entry["resource"] for entry in bundle.get("entry", ()))
            page = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)


def from_store(store: str) -> Iterator[Resource]:
    """All resources of a store, through the searches of the program itself."""
    from countyfhir.app import open_world
    from countyfhir.exchange import SYSTEM, Interaction
    from countyfhir.settings import Settings

    async def read() -> list[Resource]:
        found: list[Resource] = []
        async with open_world(Settings(store=store)) as world:
            for resource_type in TYPES:
                query: tuple[tuple[str, str], ...] | None = (("_count", str(PAGE)),)
                while query:
                    interaction = Interaction("search-type", resource_type, query=query, principal=SYSTEM)
                    answer = await world.perform(interaction)
                    bundle: Any = json.loads(answer.body) if isinstance(answer.body, bytes) else answer.body
                    found += [entry["resource"] for entry in bundle.get("entry", ())]
                    following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
                    query = tuple(parse_qsl(urlsplit(following[0]).query)) if following else None
        return found

    return iter(asyncio.run(read()))
