"""$lookup: everything a code system says of a code (OperationDefinition CodeSystem-lookup)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction
from countyfhir.interactions.world import World
from countyfhir.operations.terminology.asking import Asked, asked, remembered
from countyfhir.outcome import FhirError
from countyfhir.terminology import languages
from countyfhir.terminology.code_systems import CodeSystem, Concept
from countyfhir.terminology.resolving import System

KNOWN = ("code", "system", "version", "coding", "date", "property", "useSupplement")


@remembered
async def lookup(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Name, version, display, designations and properties of a code. FhirError 404 for a code or code system that
    is not known here, 400 without a code."""
    request = await asked(interaction, grant, world, KNOWN)
    system, code = found_system(request)
    concept = system.concept(code)
    if concept is None:
        raise unknown_code(code, system)
    body = {"resourceType": "Parameters", "parameter": list(_told(request, system, concept))}
    return Answer(200, body=body)


def found_system(request: Asked) -> tuple[System, str]:
    """The code system and the code that are asked for, by ``coding`` or by ``system`` and ``code``; on an instance the
    code system is its own."""
    coding = request.element("coding") or {}
    code = coding.get("code") or request.text("code")
    own = request.own or {}
    url = own.get("url") or coding.get("system") or request.text("system") or request.text("url")
    version = own.get("version") or coding.get("version") or request.text("version")
    if not code or not url:
        raise FhirError("required", "Give a coding, or system and code.", expression="code")
    return code_system(request, str(url), version), str(code)


def code_system(request: Asked, url: str, version: str | None) -> System:
    """A code system whose concepts are known here. FhirError 404."""
    wanted = request.versions.of(url, version)
    found = request.resolver.code_system(url, wanted)
    if found is None or not found.present:
        of_version = f" version '{wanted}'" if wanted else ""
        raise FhirError(
            "not-found", f"A definition for CodeSystem '{url}'{of_version} could not be found.", expression="system"
        )
    request.versions.verify(url, found.version)
    return found


def unknown_code(code: str, system: System) -> FhirError:
    """404 for a code that a code system lacks."""
    version = f" version '{system.version}'" if system.version else ""
    return FhirError("not-found", f"Unknown code '{code}' in the CodeSystem '{system.url}'{version}", expression="code")


def _told(request: Asked, system: System, concept: Concept) -> Iterator[dict[str, Any]]:
    wanted = set(request.all("property"))
    designations = system.designations(concept)
    shown = languages.display(concept.display, system.language, designations, request.languages)
    name = system.header.get("name") or system.header.get("title") or system.url
    yield {"name": "name", "valueString": name}
    if system.version:
        yield {"name": "version", "valueString": system.version}
    yield {"name": "display", "valueString": shown or concept.code}
    yield {"name": "code", "valueCode": concept.code}
    yield {"name": "system", "valueUri": system.url}
    yield {"name": "abstract", "valueBoolean": concept.abstract}
    if not wanted or "designation" in wanted:
        for one in designations:
            yield {"name": "designation", "part": list(_designation(one))}
    for one in _properties(system, concept):
        if not wanted or one["code"] in wanted or "*" in wanted:
            yield {"name": "property", "part": list(_property(one))}


def _designation(one: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "language" in one:
        yield {"name": "language", "valueCode": one["language"]}
    if "use" in one:
        yield {"name": "use", "valueCoding": one["use"]}
    yield {"name": "value", "valueString": one["value"]}


def _properties(system: System, concept: Concept) -> Iterator[dict[str, Any]]:
    """What it stands below and above, whether it is inactive, its definition, then what the code system gives it."""
    given = system.properties(concept)
    named = {one.get("code") for one in given}
    if isinstance(system, CodeSystem):
        for name, direction in (("parent", "parents"), ("child", "children")):
            for other in system.related(concept, direction) if name not in named else ():
                yield {"code": name, "valueCode": other.code, "description": other.display}
    if "inactive" not in named:
        yield {"code": "inactive", "valueBoolean": concept.inactive}
    if concept.definition:
        yield {"code": "definition", "valueString": concept.definition}
    yield from given


def _property(one: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"name": "code", "valueCode": one["code"]}
    kind, value = next((name, value) for name, value in one.items() if name.startswith("value"))
    yield {"name": "value", kind: value}
    if one.get("description"):
        yield {"name": "description", "valueString": one["description"]}
