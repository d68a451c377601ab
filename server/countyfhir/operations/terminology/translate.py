"""$translate: a code in another code system, by concept maps (OperationDefinition ConceptMap-translate)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction
from countyfhir.interactions.world import World
from countyfhir.operations.terminology.asking import Asked, asked, remembered
from countyfhir.outcome import FhirError
from countyfhir.terminology.concept_maps import UNRELATED, ConceptMap, Match, concept_map, translated
from countyfhir.terminology.concepts import value_of
from countyfhir.terminology.versions import split

KNOWN = (
    *("url", "conceptMap", "conceptMapVersion", "code", "system", "version", "source", "coding", "codeableConcept"),
    *("target", "targetsystem", "dependency", "reverse"),
)


@remembered
async def translate(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """``result``, ``message`` and a ``match`` for each translation. FhirError 404 for a map that is not known here, 400
    without a code, or without a code system where no map is named."""
    request = await asked(interaction, grant, world, KNOWN)
    codes = _codes(request)
    reverse = request.flag("reverse")
    target, known = request.text("targetsystem"), _dependencies(request)
    found: list[Match] = []
    for system, code in codes:
        for one in _maps(request, system, target, reverse):
            found += translated(
                *(one, system, code),
                target=target,
                reverse=reverse,
                dependencies=known,
                find=request.resolver.concept_map,
            )
    return Answer(200, body=_answer(found, codes))


def _codes(request: Asked) -> list[tuple[str | None, str]]:
    """(system, code) of what is to be translated."""
    concept = request.element("codeableConcept")
    if concept is not None:
        codings = [one for one in concept.get("coding", ()) if one.get("code")]
    else:
        coding = request.element("coding")
        code = request.text("code")
        codings = [coding] if coding is not None else [{"system": request.text("system"), "code": code}] if code else []
    if not codings or any(not one.get("code") for one in codings):
        raise FhirError("required", "Give code and system, coding or codeableConcept.", expression="code")
    return [(one.get("system"), str(one["code"])) for one in codings]


def _maps(request: Asked, system: str | None, target: str | None, reverse: bool) -> list[ConceptMap]:
    """The maps to ask: the instance, the one that came along, the one of the url, else all that fit."""
    given = request.own if request.own is not None else request.one("conceptMap")
    if isinstance(given, dict):
        if given.get("resourceType") != "ConceptMap":
            raise FhirError("value", "The parameter conceptMap must hold a ConceptMap.", expression="conceptMap")
        return [concept_map(given)]
    url, version = request.text("url"), request.text("conceptMapVersion")
    if url is not None:
        canonical = f"{url}|{version}" if version and "|" not in url else url
        found = request.resolver.concept_map(canonical)
        if found is None:
            raise FhirError("not-found", f"The concept map '{canonical}' could not be found.", expression="url")
        return [found]
    if system is None:
        raise FhirError("required", "Say the code system of the code, or the map: system, url.", expression="system")
    maps = request.resolver.maps_from(system, target, reverse)
    return [one for one in maps if _fits(one, request, "source") and _fits(one, request, "target")]


def _fits(one: ConceptMap, request: Asked, side: str) -> bool:
    """Whether a map is from (to) the value set that the request names."""
    wanted = request.text(side)
    if wanted is None:
        return True
    return one.scope(side) == split(wanted)[0]


def _dependencies(request: Asked) -> dict[str, str]:
    """What the caller knows besides: property -> code or text."""
    known: dict[str, str] = {}
    for parts in request.values.get("dependency", ()):
        if not isinstance(parts, list):
            raise FhirError("value", "A dependency has the parts element and concept.", expression="dependency")
        by_name = {part.get("name"): value_of(part) for part in parts}
        element, concept = by_name.get("element"), by_name.get("concept")
        if element is not None and isinstance(concept, dict):
            codings = concept.get("coding") or [concept]
            known[str(element)] = str(codings[0].get("code") or concept.get("text") or "")
        elif element is not None and concept is not None:
            known[str(element)] = str(concept)
    return known


def _answer(found: list[Match], codes: Iterable[tuple[str | None, str]]) -> dict[str, Any]:
    result = any(one.equivalence not in UNRELATED for one in found)
    parameters: list[dict[str, Any]] = [{"name": "result", "valueBoolean": result}]
    if not result:
        named = ", ".join(f"{system or ''}#{code}" for system, code in codes)
        parameters.append({"name": "message", "valueString": f"No translation was found for {named}."})
    parameters += [{"name": "match", "part": list(_parts(one))} for one in found]
    return {"resourceType": "Parameters", "parameter": parameters}


def _parts(match: Match) -> Iterable[dict[str, Any]]:
    yield {"name": "equivalence", "valueCode": match.equivalence}
    if match.coding.get("code"):
        yield {"name": "concept", "valueCoding": dict(match.coding)}
    for product in match.products:
        coding = {"system": product.get("system"), "code": product.get("value"), "display": product.get("display")}
        yield {
            "name": "product",
            "part": [
                {"name": "element", "valueUri": product.get("property")},
                {"name": "concept", "valueCoding": {name: value for name, value in coding.items() if value}},
            ],
        }
    if match.source:
        yield {"name": "source", "valueUri": match.source}
