"""``resolve() is X`` without fetching: the type a reference names (R4 sections 2.3.0.1 and 2.26.3)."""

from __future__ import annotations

from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.functions.fhir import reference_text, resolved
from countyfhir.fhirpath.item import Node, Nodes
from countyfhir.fhirpath.schema import matches
from countyfhir.fhirpath.scope import Scope
from countyfhir.model.definitions import definitions


def resolves_to(scope: Scope, nodes: Nodes, wanted: frozenset[str]) -> bool | None:
    """Whether what a reference leads to is of a wanted type: by its text, its ``type``, contained resources, and only
    then by the given function; None when the type is not known."""
    if not nodes:
        return None
    if len(nodes) > 1:
        raise FhirPathError("'is' takes a single value, but there are several")
    type_name = referenced_type(nodes[0])
    if type_name is None:
        found = resolved(scope, nodes[0])
        type_name = found[0][1] if found else None
    return None if type_name is None else matches(type_name, wanted)


def referenced_type(node: Node) -> str | None:
    """The resource type a Reference, canonical or uri names (``Patient/1``, ``http://…/Patient/1/_history/2``)."""
    url = reference_text(node)
    if url is not None and not url.startswith("#"):
        parts = url.split("?")[0].split("/")
        if len(parts) > 3 and parts[-2] == "_history":
            parts = parts[:-2]
        if len(parts) >= 2 and parts[-2] in definitions().resource_types:
            return parts[-2]
    named = node[0].get("type") if isinstance(node[0], dict) else None
    return named if named in definitions().resource_types else None
