"""What the first write would otherwise wait for is compiled beforehand: checks, extractors, the readings of names."""

from __future__ import annotations

from countyfhir.exchange import Resource, Write
from countyfhir.interactions.prepare import indexed
from countyfhir.interactions.world import World

FREQUENT = ("Patient", "Observation", "Encounter", "Condition", "MedicationRequest", "DiagnosticReport", "Provenance")


def warm(world: World) -> None:
    """Check and index a sample of each frequent type; nothing is written. Takes about half a second of a core."""
    for resource_type in FREQUENT:
        sample: Resource = {"resourceType": resource_type, "id": "sample"}
        if resource_type == "Patient":
            sample["name"] = [{"text": "王"}]
        world.check_resource(sample)
        indexed(Write("PUT", resource_type, "sample", sample), world.search.base, world)
