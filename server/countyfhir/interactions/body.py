"""The resource in the body of a request, checked against the URL it was sent to (R4 section 3.1.0.1.2)."""

from __future__ import annotations

from typing import Any

from countyfhir.exchange import Interaction, Resource
from countyfhir.outcome import FhirError


def resource_of(interaction: Interaction) -> Resource:
    """The body as a resource of the type in the URL; 400 with the reason otherwise."""
    body: Any = interaction.body
    wanted = interaction.resource_type
    if not isinstance(body, dict):
        raise FhirError("structure", f"The body must be a {wanted} resource; it is empty or not a JSON object.")
    sent = body.get("resourceType")
    if sent is None:
        raise FhirError("structure", f"The body has no resourceType; {wanted} was expected.", expression="resourceType")
    if sent != wanted:
        raise FhirError(
            "invalid",
            f"The body is of type {str(sent)[:64]}, but the URL names {wanted}.",
            expression=f"{wanted}.resourceType",
        )
    return body
