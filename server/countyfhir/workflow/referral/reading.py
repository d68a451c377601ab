"""What stands in the resources of a referral: state, direction, number, priority, references."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from countyfhir.exchange import Resource

LOCAL = "https://fhir.county-hc.example/"
STATE = LOCAL + "cs/referral-state"
DIRECTION = LOCAL + "cs/referral-direction"
CRITERIA = LOCAL + "cs/referral-criteria"
KIND = LOCAL + "cs/referral-task"
NUMBER = LOCAL + "id/referral"
BEFORE = LOCAL + "StructureDefinition/referral-state-before"
TOLD = LOCAL + "StructureDefinition/referral-state-told"
EXCEPTION = LOCAL + "StructureDefinition/agreement-exception"
ESCORT = LOCAL + "StructureDefinition/escort"
GREEN = LOCAL + "StructureDefinition/green-channel"
REFERRAL_NOTE = "57133-1"
"""LOINC "Referral note": the type of the letter and of the slip."""


def codes(concept: Any, system: str) -> list[str]:
    """The codes of a system in a CodeableConcept."""
    return [one["code"] for one in (concept or {}).get("coding", ()) if one.get("system") == system and "code" in one]


def state_of(task: Resource | None) -> str | None:
    """The business state of a Task, or None."""
    found = codes((task or {}).get("businessStatus"), STATE)
    return found[0] if found else None


def direction_of(request: Resource | None) -> str | None:
    """``up``, ``down`` or None."""
    for category in (request or {}).get("category", ()):
        for code in codes(category, DIRECTION):
            return code
    return None


def criteria_of(request: Resource) -> list[str]:
    """The criteria of referral (转诊指征) that a request gives."""
    return [code for concept in request.get("reasonCode", ()) for code in codes(concept, CRITERIA)]


def number_of(resource: Resource) -> str | None:
    """The referral number 转诊号."""
    numbers = (one.get("value") for one in resource.get("identifier", ()) if one.get("system") == NUMBER)
    return next(numbers, None)


def extension(resource: Resource, url: str) -> dict[str, Any] | None:
    """The first extension of a url."""
    return next((one for one in resource.get("extension", ()) if one.get("url") == url), None)


def with_extension(resource: Resource, url: str, value: dict[str, Any] | None) -> Resource:
    """The resource with this value of an extension, or without the extension."""
    kept = [one for one in resource.get("extension", ()) if one.get("url") != url]
    if value is not None:
        kept.append({"url": url, **value})
    rest = {name: content for name, content in resource.items() if name != "extension"}
    return {**rest, "extension": kept} if kept else rest


def literal(reference: Any) -> str | None:
    """``Type/id`` as it is written in a Reference."""
    found = reference.get("reference") if isinstance(reference, dict) else None
    return found if isinstance(found, str) else None


def identity(reference: Any) -> str | None:
    """``Type/id`` of a Reference without base and version: what two of them are compared by."""
    text = literal(reference)
    if text is None:
        return None
    parts = text.partition("/_history/")[0].rsplit("/", 2)
    return "/".join(parts[-2:])


def type_of(reference: Any) -> str | None:
    """The type of the resource that a Reference leads to."""
    if isinstance(reference, dict) and isinstance(reference.get("type"), str):
        return str(reference["type"])
    return (identity(reference) or "").partition("/")[0] or None


def parts_of(task: Resource, name: str) -> Iterator[dict[str, Any]]:
    """The References of ``Task.input`` or ``Task.output``."""
    for one in task.get(name, ()):
        if isinstance(one.get("valueReference"), dict):
            yield one["valueReference"]


def has_profile(resource: Resource, profiles: list[str]) -> bool:
    """Whether a resource claims one of the profiles."""
    claimed = (resource.get("meta") or {}).get("profile", ())
    return any(one.partition("|")[0] in profiles for one in claimed)


def sections(composition: Resource) -> Iterator[dict[str, Any]]:
    """All sections of a Composition, those inside others too."""
    waiting = list(composition.get("section", ()))
    while waiting:
        one = waiting.pop(0)
        waiting += one.get("section", ())
        yield one


def is_slip(composition: Resource | None) -> bool:
    """Whether it is a return slip 回转单: the letter has the same type, so the title tells."""
    if composition is None or composition.get("resourceType") != "Composition":
        return False
    coded = any(one.get("code") == REFERRAL_NOTE for one in (composition.get("type") or {}).get("coding", ()))
    return coded and "回转" in composition.get("title", "") and composition.get("status") in ("final", "amended")
