"""References inside a resource: ``#id`` must be contained, and what is contained must be referred to (ref-1, dom-3; R4
section 2.3.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from countyfhir.fhirpath.schema import steps_by_key
from countyfhir.validation.rules.finding import Around, Finding

LINKS = frozenset(("canonical", "uri", "url"))
"""Types, besides Reference.reference, whose values can point to a contained resource."""


def fragment_is_contained(value: dict[str, Any], around: Around) -> list[Finding] | None:
    """ref-1: a local reference finds its contained resource; ``#`` alone is the container."""
    reference = value.get("reference")
    if not isinstance(reference, str) or not reference.startswith("#") or reference == "#":
        return None
    contained = around.root.get("contained")
    if isinstance(contained, list) and any(isinstance(c, dict) and c.get("id") == reference[1:] for c in contained):
        return None
    text = "No contained resource has the id that this local reference names (ref-1)."
    return [Finding(".reference", "invariant", text, "error", "ref-1")]


def contained_is_used(value: dict[str, Any], around: Around) -> list[Finding] | None:
    """dom-3: each contained resource is referred to from the resource, or refers to it by ``#``.

    Ours, as the published expression goes through all descendants once for each contained resource, and casts
    collections, which FHIRPath refuses.
    """
    contained = value.get("contained")
    if not isinstance(contained, list):
        return None
    used = {link for link in links(value, str(value.get("resourceType"))) if link.startswith("#")}
    found = [
        Finding(
            f".contained[{index}]",
            "invariant",
            "A contained resource must be referred to from the resource that contains it, or refer to it (dom-3).",
            "error",
            "dom-3",
        )
        for index, one in enumerate(contained)
        if isinstance(one, dict) and f"#{one.get('id')}" not in used and not _refers_to_container(one)
    ]
    return found or None


def _refers_to_container(resource: dict[str, Any]) -> bool:
    return any(link == "#" for link in links(resource, str(resource.get("resourceType"))))


def links(value: dict[str, Any], type_name: str) -> Iterator[str]:
    """Every text under ``value`` that can name another resource: references, canonicals, uris, urls."""
    steps = steps_by_key(type_name)
    for key, item in value.items():
        step = steps.get(key)
        if step is None:
            continue
        of_type = step.choices.get(key) if step.choices else step.type_name
        for each in item if isinstance(item, list) else (item,):
            if isinstance(each, dict):
                yield from links(each, str(each.get("resourceType")) if of_type is None else of_type)
            elif isinstance(each, str) and (of_type in LINKS or key == "reference"):
                yield each
