"""What the first requests would otherwise wait for is made beforehand: the CapabilityStatement, checks, extractors,
the readings of names."""

from __future__ import annotations

from countyfhir.exchange import Resource, Write
from countyfhir.interactions import capabilities
from countyfhir.interactions.prepare import indexed
from countyfhir.interactions.world import World

FREQUENT = ("Patient", "Observation", "Encounter", "Condition", "MedicationRequest", "DiagnosticReport", "Provenance")


def warm(world: World) -> None:
    """Describe the server, then check and index a sample of each frequent type; nothing is written. Takes about half a
    second of a core."""
    capabilities.rest(world)
    for resource_type in FREQUENT:
        sample: Resource = {"resourceType": resource_type, "id": "sample"}
        if resource_type == "Patient":
            sample["name"] = [{"text": "王"}]
        world.check_resource(sample)
        indexed(Write("PUT", resource_type, "sample", sample), world.search.base, world)
