"""Definition-based extraction: an item with an extraction context begins a resource, and items inside it name by their
definition the element that their answer fills (SDC 4.0: definition-based extraction)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.model.definitions import ElementDefinition
from countyfhir.operations.apply.applying import Applying
from countyfhir.operations.apply.expressions import evaluated
from countyfhir.operations.extract.form import Form, Part, extension, has_extension, parts_of, value_of
from countyfhir.outcome import FhirError

_SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
CONTEXT = f"{_SDC}itemExtractionContext"
EXTRACT = f"{_SDC}definitionExtract"
VALUE = f"{_SDC}definitionExtractValue"
_CORE = "http://hl7.org/fhir/StructureDefinition/"
_AS_TEXT = ("string", "code", "uri", "url", "markdown", "id", "canonical")


@dataclass(frozen=True, slots=True)
class Place:
    """Where answers go: an element (a dict) of the resource, and its path (``Patient.name``)."""

    element: Resource
    path: str
    type_name: str


def is_asked(form: Form) -> bool:
    """Whether the Questionnaire begins a resource anywhere."""
    return has_extension(form.questionnaire, CONTEXT) or has_extension(form.questionnaire, EXTRACT)


async def extracted(form: Form, applying: Applying) -> list[Resource]:
    """The entries of the resources."""
    if not is_asked(form):
        return []
    entries: list[Resource] = []
    place = await _begun(form.questionnaire, applying, entries)
    for part in parts_of(form.questionnaire.get("item", ()), form.response.get("item", ())):
        await _walk(part, place, applying, entries)
    return [one for one in entries if len(one["resource"]) > 1]


async def _begun(element: Resource, applying: Applying, entries: list[Resource]) -> Place | None:
    """The resource that an item (or the Questionnaire) begins: a new one, or one that a search finds."""
    old, new = extension(element, CONTEXT), extension(element, EXTRACT)
    if old is None and new is None:
        return None
    found: list[Any] = []
    if new is not None:
        canonical = str(value_of(extension(new, "definition")) or "")
        kind = canonical.rpartition("/")[2].partition("|")[0]
        if not canonical.startswith(_CORE):
            kind = (await applying.canonical(canonical, {}, "StructureDefinition")).get("type", "")
    elif "valueExpression" in (old or {}):
        expression = value_of(old)
        kind = str(expression.get("expression", "")).partition("?")[0]
        found = await evaluated(expression, applying, "Questionnaire.extension", {"resource": applying.subject})
    else:
        kind = str(value_of(old))
    if kind not in applying.world.definitions.resource_types:
        raise FhirError("value", f"'{kind[:64]}' is no type of resource.", status=422, expression="Questionnaire.item")
    resource = dict(found[0]) if len(found) == 1 and isinstance(found[0], dict) else {"resourceType": kind}
    logical_id = resource.get("id")
    method, url = ("PUT", f"{kind}/{logical_id}") if logical_id else ("POST", kind)
    entries.append({"resource": resource, "request": {"method": method, "url": url}})
    return Place(resource, kind, kind)


async def _walk(part: Part, place: Place | None, applying: Applying, entries: list[Resource]) -> None:
    own = await _begun(part.definition, applying, entries)
    inside = own or place
    path = _path_of(part.definition)
    if inside is not None and own is None and path is not None:
        if part.definition.get("type") == "group":
            inside = _element(inside, path, applying) or inside
        else:
            for name, value in part.values:
                _fill(inside, path, name, value, applying)
    if inside is not None:
        await _fixed(part, inside, applying)
    for one in part.parts():
        await _walk(one, inside, applying, entries)


async def _fixed(part: Part, place: Place, applying: Applying) -> None:
    """Values that the Questionnaire itself gives (definitionExtractValue)."""
    for one in part.definition.get("extension", ()):
        if one.get("url") != VALUE:
            continue
        path = str(value_of(extension(one, "definition")) or "").partition("#")[2]
        fixed = extension(one, "fixed-value")
        if fixed is not None:
            name = next(key for key in fixed if key.startswith("value"))
            _fill(place, path, name, fixed[name], applying)
        expression = value_of(extension(one, "expression"))
        if expression is not None:
            more = {"resource": applying.subject}
            for item in await evaluated(expression, applying, "definitionExtractValue", more):
                _fill(place, path, "valueString", item.value if hasattr(item, "value") else item, applying)


def _path_of(definition: Resource) -> str | None:
    """``Patient.name.family`` of ``…/Patient#Patient.name.family``; names of slices are left out."""
    path = str(definition.get("definition", "")).partition("#")[2]
    return ".".join(step.partition(":")[0] for step in path.split(".")) or None


def _element(place: Place, path: str, applying: Applying) -> Place | None:
    """A new element for a group."""
    steps = _steps(place, path, applying)
    if not steps:
        return None
    holder = place.element
    for name, element in steps[:-1]:
        holder = _into(holder, name, element, new=False)
    name, element = steps[-1]
    return Place(_into(holder, name, element, new=True), path, element.type_name)


def _into(holder: Resource, name: str, element: ElementDefinition, *, new: bool) -> Resource:
    if not element.is_array:
        found = holder.setdefault(name, {})
    else:
        listed = holder.setdefault(name, [])
        if new or not listed:
            listed.append({})
        found = listed[-1]
    assert isinstance(found, dict)
    return found


def _fill(place: Place, path: str, name: str, value: Any, applying: Applying) -> None:
    steps = _steps(place, path, applying, name)
    if not steps:
        return
    holder = place.element
    for step, element in steps[:-1]:
        holder = _into(holder, step, element, new=False)
    step, element = steps[-1]
    told = _fitting(value, element, path, applying)
    if told is None:
        return
    if element.is_array:
        holder.setdefault(step, []).append(told)
    else:
        holder[step] = told


def _fitting(value: Any, element: ElementDefinition, path: str, applying: Applying) -> Any:
    """The answer as the element takes it."""
    kind = element.type_name
    if isinstance(value, dict) and kind in ("CodeableConcept", "code") and "value" not in value:
        return {"coding": [value]} if kind == "CodeableConcept" else value.get("code")
    if isinstance(value, dict) and kind in _AS_TEXT:
        return value.get("display") or value.get("code")
    if isinstance(value, str) and kind == "CodeableConcept":
        return {"text": value}
    if element.is_primitive == isinstance(value, dict):
        applying.say("not-supported", f"The answer does not fit {path} ({kind}).", "QuestionnaireResponse.item")
        return None
    return value


def _steps(place: Place, path: str, applying: Applying, name: str | None = None) -> list[tuple[str, ElementDefinition]]:
    """(JSON name, element) from the place to the path; [] with a word where the type has no such element."""
    if not path.startswith(place.path + "."):
        applying.say("not-supported", f"{path} is not inside {place.path}.", "Questionnaire.item.definition")
        return []
    found: list[tuple[str, ElementDefinition]] = []
    type_name = place.type_name
    for step in path[len(place.path) + 1 :].split("."):
        elements = applying.world.definitions.types[type_name].elements
        plain = step.removesuffix("[x]")
        told = plain if plain in elements else None
        if told is None:
            choices = [one for one, element in elements.items() if element.choice == plain]
            wanted = plain + (name or "value").removeprefix("value")
            concept = plain + "CodeableConcept"
            told = wanted if wanted in choices else concept if concept in choices and name == "valueCoding" else None
        if told is None:
            applying.say("not-supported", f"{type_name} has no element for {path}.", "Questionnaire.item.definition")
            return []
        found.append((told, elements[told]))
        type_name = elements[told].type_name
    return found
