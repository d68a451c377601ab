"""The parameters of an operation as they are sent: in the query, or as a Parameters resource."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from countyfhir.exchange import Interaction, Resource
from countyfhir.outcome import FhirError


def parameters_in(interaction: Interaction) -> Sequence[Resource]:
    """Those of the body; FhirError for a body that is no Parameters."""
    body = interaction.body
    if isinstance(body, dict) and body.get("resourceType") == "Parameters":
        listed: Sequence[Resource] = body.get("parameter", ())
        return listed
    if body is not None:
        raise FhirError("structure", f"{interaction.operation} takes a Parameters resource.", expression="Parameters")
    return ()


def value_of(parameter: Resource) -> Any:
    """The resource or the value of a parameter; None where it has neither."""
    return next((parameter[key] for key in parameter if key == "resource" or key.startswith("value")), None)


def refuse_unknown(names: Collection[str], interaction: Interaction, known: Sequence[str]) -> None:
    """FhirError for a name that the operation does not take, unless the caller wants it passed over."""
    unknown = sorted(set(names) - set(known))
    if unknown and interaction.preferences.handling != "lenient":
        text = f"{interaction.operation} takes {', '.join(known)}; '{unknown[0][:64]}' is none of them."
        raise FhirError("not-supported", text, status=400, expression="Parameters.parameter")
