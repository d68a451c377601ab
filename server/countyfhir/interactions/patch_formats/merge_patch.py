"""JSON Merge Patch (RFC 7396), which some FHIR clients send as ``application/json``."""

from __future__ import annotations

from typing import Any

from countyfhir.exchange import Resource
from countyfhir.interactions.patch_formats.identity import checked
from countyfhir.model import tree
from countyfhir.outcome import FhirError


def apply(resource: Resource, document: Any) -> Resource:
    """The resource with ``document`` merged into it: ``null`` removes, objects merge, everything else replaces.

    Objects and arrays left empty are dropped, since FHIR has none. FhirError "structure" when ``document`` is no
    object, "business-rule" when resourceType or id would change.
    """
    if not isinstance(document, dict):
        raise FhirError("structure", "A merge patch must be a JSON object with the elements to change")
    return checked(tree.without_empty(merged(resource, document)), resource)


def merged(target: Any, patch: Any) -> Any:
    """MergePatch of RFC 7396 section 2; neither argument is changed."""
    if not isinstance(patch, dict):
        return tree.copied(patch)
    result = tree.copied(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
