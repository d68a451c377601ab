"""Parts of a resource: ``_summary`` and ``_elements`` (R4 sections 3.1.1.5.8 and 3.1.1.5.9)."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.model.definitions import ElementDefinition, definitions

SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}
"""The tag of a resource that is not whole, so that nobody stores it over the whole one."""
KINDS = ("true", "text", "data", "count", "false")
ALWAYS = frozenset({"resourceType", "id", "meta", "implicitRules", "modifierExtension"})
"""What every part shows: identity, and what changes the meaning of the rest."""
WHOLE = frozenset({"modifierExtension", "extension"})


def summarised(resource: Resource, kind: str) -> Resource:
    """The part of ``resource`` that the ``_summary`` kind shows, tagged SUBSETTED; the input stays as it is.

    true: summary elements, at every depth, and mandatory ones. text: narrative and mandatory elements. data: all but
    the narrative. false and count (which is about the search): the resource itself.
    """
    if kind in ("false", "count"):
        return resource
    if kind == "data":
        return _tagged({key: value for key, value in resource.items() if key != "text"})
    if kind == "true":
        return _tagged(_with_contained(_summary_of(resource, str(resource.get("resourceType"))), resource))
    wanted = _mandatory(str(resource.get("resourceType"))) | {"text"}
    return _tagged(_with_contained(_picked(resource, wanted), resource))


def with_elements(resource: Resource, names: Collection[str]) -> Resource:
    """The part of ``resource`` that ``_elements`` names (``name``, ``Patient.name``), tagged SUBSETTED.

    Names with another type's prefix do not count for it. ``value`` means any type of a choice. Mandatory elements, id,
    meta, implicitRules and modifierExtension are always there, and contained resources that something kept refers to.
    """
    resource_type = str(resource.get("resourceType"))
    named = {_element_name(name, resource_type) for name in names}
    choices = {key for key, element in _elements(resource_type).items() if element.choice in named}
    wanted = _mandatory(resource_type) | named | choices
    return _tagged(_with_contained(_picked(resource, wanted), resource))


def _element_name(name: str, resource_type: str) -> str:
    """The top-level element of ``Patient.name.family`` or ``name``; "" when it is another type's."""
    first, *rest = name.split(".")
    if not first[:1].isupper():
        return first
    return rest[0] if rest and first in (resource_type, "Resource", "DomainResource") else ""


@cache
def _elements(type_name: str) -> dict[str, ElementDefinition]:
    definition = definitions().types.get(type_name)
    return definition.elements if definition else {}


@cache
def _mandatory(type_name: str) -> frozenset[str]:
    return frozenset(key for key, element in _elements(type_name).items() if element.minimum)


def _picked(resource: Resource, wanted: Collection[str]) -> Resource:
    return {key: value for key, value in resource.items() if key in ALWAYS or key.lstrip("_") in wanted}


@cache
def _summary_elements(type_name: str) -> dict[str, ElementDefinition] | None:
    """The elements of a type that a summary shows; None when it marks none (Narrative, Extension), so all are."""
    shown = {
        key: element
        for key, element in _elements(type_name).items()
        if element.in_summary or element.minimum or key in ALWAYS
    }
    return shown if any(element.in_summary for element in shown.values()) else None


def _summary_of(value: dict[str, Any], type_name: str) -> dict[str, Any]:
    shown = _summary_elements(type_name)
    if shown is None:
        return value
    kept: dict[str, Any] = {}
    for key, item in value.items():
        element = shown.get(key.lstrip("_"))
        if key in ("resourceType", "id"):
            kept[key] = item
        elif element is not None and (part := _part(key, item, element)) not in ({}, []):
            kept[key] = part
    return kept


def _part(key: str, item: Any, element: ElementDefinition) -> Any:
    """The summary of one element; primitives with their siblings, modifiers and resources inside are shown whole."""
    type_name = element.type_name
    if element.is_primitive or key in WHOLE or definitions().types[type_name].kind == "resource":
        return item
    if isinstance(item, list):
        parts = [_summary_of(each, type_name) if isinstance(each, dict) else each for each in item]
        return [part for part in parts if part != {}]
    return _summary_of(item, type_name) if isinstance(item, dict) else item


def _with_contained(part: Resource, resource: Resource) -> Resource:
    """``part`` with those contained resources that it refers to, directly or through another contained one."""
    contained = resource.get("contained")
    if not isinstance(contained, list) or "contained" in part:
        return part
    by_id = {each.get("id"): each for each in contained if isinstance(each, dict)}
    wanted: dict[str, None] = {}
    new = _local_targets(part)
    while new:
        wanted |= dict.fromkeys(new)
        new = [one for each in new for one in _local_targets(by_id.get(each)) if one not in wanted]
    kept = [each for each in contained if isinstance(each, dict) and each.get("id") in wanted]
    if not kept:
        return part
    return {
        key: kept if key == "contained" else part[key] for key in resource if key == "contained" or key in part
    } | part


def _local_targets(value: Any) -> list[str]:
    """The ids in ``#id`` references anywhere in ``value``."""
    if isinstance(value, dict):
        reference = value.get("reference")
        own = [reference[1:]] if isinstance(reference, str) and reference.startswith("#") else []
        return own + [
            found for item in value.values() if isinstance(item, dict | list) for found in _local_targets(item)
        ]
    if isinstance(value, list):
        return [found for item in value if isinstance(item, dict | list) for found in _local_targets(item)]
    return []


def _tagged(part: Resource) -> Resource:
    """``part`` with the SUBSETTED tag, ``meta`` right after the id."""
    before = part.get("meta")
    meta = dict(before) if isinstance(before, dict) else {}
    tags = meta.get("tag") or []
    if not any(isinstance(tag, dict) and tag.get("code") == SUBSETTED["code"] for tag in tags):
        meta["tag"] = [*tags, SUBSETTED]
    head: Resource = {key: part[key] for key in ("resourceType", "id") if key in part}
    return {**head, "meta": meta, **{key: value for key, value in part.items() if key != "meta"}}
