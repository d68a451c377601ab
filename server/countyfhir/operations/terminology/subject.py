"""The value set that an operation is asked of: the instance, one that came along, or one by its url (R4
ValueSet-expand: url, valueSet, context)."""

from __future__ import annotations

from dataclasses import replace

from countyfhir.interactions.world import World
from countyfhir.operations.terminology.asking import Asked
from countyfhir.outcome import FhirError
from countyfhir.terminology.value_sets import Definition, definition


def value_set_of(request: Asked, world: World) -> tuple[Definition, Asked]:
    """The value set, and the request with what the value set contains. FhirError 400 when none is said, 404 when it is
    not known here."""
    given = request.own if request.own is not None else request.one("valueSet")
    if isinstance(given, dict):
        if given.get("resourceType") != "ValueSet":
            raise FhirError("value", "The parameter valueSet must hold a ValueSet.", expression="valueSet")
        held = [one for one in given.get("contained", ()) if isinstance(one, dict)]
        brought = [*(one for one in held if one.get("url")), *([given] if given.get("url") else [])]
        terminology = request.terminology.with_resources(brought) if request.own is None else request.terminology
        return definition(given), replace(request, terminology=terminology, own=given)
    url = request.text("url") or _of_context(request.text("context"), world) or request.text("valueSet")
    if url is None:
        raise FhirError("required", "Say the value set: url, valueSet or context.", expression="url")
    version = request.text("valueSetVersion") or request.versions.value_sets.get(url)
    canonical = f"{url}|{version}" if version and "|" not in url else url
    found = request.resolver.value_set(canonical)
    if found is None:
        text = f"A definition for the value Set '{canonical}' could not be found"
        raise FhirError("not-found", text, expression="url")
    return found, replace(request, own=dict(found.resource))


def _of_context(context: str | None, world: World) -> str | None:
    """The value set that an element is bound to: ``Patient.gender``, or ``[StructureDefinition]#Patient.gender``."""
    if context is None:
        return None
    path = context.rpartition("#")[2].rpartition("/")[2]
    element = world.definitions.element_at(path)
    if element is None or element.binding_value_set is None:
        raise FhirError(
            "not-found", f"'{context[:200]}' is no element of R4 that is bound to a value set.", expression="context"
        )
    return element.binding_value_set
