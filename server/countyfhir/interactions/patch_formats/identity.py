"""What no patch may change: the resource type and the logical id (R4 section 3.1.0.6); nor may it nest
without end."""

from __future__ import annotations

from typing import Any

from countyfhir.exchange import Resource
from countyfhir.model.json_problem import MAXIMUM_DEPTH
from countyfhir.outcome import FhirError


def check_depth(levels: int) -> None:
    """FhirError when a patch would nest deeper than a resource may, before anything has to walk it."""
    if levels > MAXIMUM_DEPTH:
        raise FhirError("processing", f"The patch nests objects and arrays deeper than {MAXIMUM_DEPTH} levels")


def checked(patched: Any, resource: Resource) -> Resource:
    """``patched``, when it is a resource with the type and id of ``resource``; FhirError otherwise."""
    if not isinstance(patched, dict):
        raise FhirError("processing", "The patch leaves no resource behind; it must keep a JSON object")
    for key in ("resourceType", "id"):
        if patched.get(key) != resource.get(key):
            place = f"{resource.get('resourceType', 'Resource')}.{key}"
            raise FhirError("business-rule", f"A patch must not change the {key} of a resource", expression=place)
    return patched
