"""Observation-based extraction: items with a code and sdc-questionnaire-observationExtract become Observations, or
components and members of the one around them (SDC 4.0: observation-based extraction)."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.operations.apply.applying import Applying
from countyfhir.operations.extract.form import Form, Part, extension, has_extension, parts_of, reference_to, value_of

EXTRACT = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-observationExtract"
CATEGORY = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-observation-extract-category"
UNIT = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit"
_STATES = {"completed": "final", "amended": "amended", "in-progress": "preliminary", "stopped": "preliminary"}
_WORDS = ("valueString", "valueUri", "valueUrl")
_SAME = ("valueBoolean", "valueDateTime", "valueTime", "valueQuantity")


def is_asked(form: Form) -> bool:
    """Whether the Questionnaire asks for it anywhere."""
    return has_extension(form.questionnaire, EXTRACT)


def extracted(form: Form, applying: Applying) -> list[Resource]:
    """The entries of the Observations."""
    if not is_asked(form):
        return []
    found: list[Resource] = []
    whole = value_of(extension(form.questionnaire, EXTRACT)) is True
    category = value_of(extension(form.questionnaire, CATEGORY))
    for part in parts_of(form.questionnaire.get("item", ()), form.response.get("item", ())):
        _walk(part, whole, category, None, form, applying, found)
    return found


def _walk(
    part: Part,
    whole: bool,
    category: Any,
    around: Resource | None,
    form: Form,
    applying: Applying,
    found: list[Resource],
) -> None:
    told = value_of(extension(part.definition, EXTRACT))
    own = value_of(extension(part.definition, CATEGORY)) or category
    asked = (told is True or isinstance(told, str) or (whole and told is None)) and bool(part.definition.get("code"))
    inner = around
    if asked:
        relation = told if isinstance(told, str) else None
        for made in _made(part, own, form, applying):
            inner = _placed(made, relation, around, found)
    for one in part.parts():
        _walk(one, whole if told is None else told is not False and whole, own, inner, form, applying, found)


def _placed(made: Resource, relation: str | None, around: Resource | None, found: list[Resource]) -> Resource:
    """Put an Observation where it belongs: into the one around it, beside it as its member, or by itself."""
    if relation == "component" and around is not None:
        value = {name: one for name, one in made.items() if name == "code" or name.startswith("value")}
        around.setdefault("component", []).append(value)
        return around
    url = f"urn:uuid:{uuid.uuid4()}"
    found.append({"fullUrl": url, "resource": made, "request": {"method": "POST", "url": "Observation"}})
    if around is not None and (relation == "member" or (relation is None and _is_group(around))):
        around.setdefault("hasMember", []).append({"reference": url})
    elif around is not None and relation in ("derived", "derivedFrom"):
        around.setdefault("derivedFrom", []).append({"reference": url})
    return made


def _is_group(observation: Resource) -> bool:
    return not any(name.startswith("value") for name in observation)


def _made(part: Part, category: Any, form: Form, applying: Applying) -> list[Resource]:
    """An Observation for each answer; of a group, one without a value."""
    if part.definition.get("type") == "group":
        return [_observation(part, category, form)]
    found = []
    for name, value in part.values:
        told = _value(name, value, part)
        if told is None:
            where = f"QuestionnaireResponse.item('{part.item.get('linkId')}')"
            applying.say("not-supported", f"An Observation has no value like {name}.", where)
        else:
            found.append(_observation(part, category, form) | told)
    return found


def _observation(part: Part, category: Any, form: Form) -> Resource:
    response = form.response
    told: Resource = {
        "resourceType": "Observation",
        "status": _STATES.get(str(response.get("status")), "unknown"),
        "category": [category] if category else None,
        "code": {"coding": part.definition["code"]},
        "subject": response.get("subject"),
        "encounter": response.get("encounter"),
        "effectiveDateTime": response.get("authored"),
        "issued": response.get("authored") if "T" in str(response.get("authored", "")) else None,
        "performer": [response["author"]] if "author" in response else None,
        "derivedFrom": [reference] if (reference := reference_to(response)) else None,
    }
    if part.definition.get("text"):
        told["code"]["text"] = part.definition["text"]
    return {name: value for name, value in told.items() if value is not None}


def _value(name: str, value: Any, part: Part) -> Resource | None:
    if name in _SAME:
        return {name: value}
    if name in ("valueDecimal", "valueInteger"):
        unit = value_of(extension(part.definition, UNIT))
        if unit is None and name == "valueInteger":
            return {name: value}
        told: Resource = {"value": value if isinstance(value, int | Decimal) else Decimal(str(value))}
        for to, of in (("unit", "display"), ("system", "system"), ("code", "code")):
            if unit and of in unit:
                told[to] = unit[of]
        return {"valueQuantity": told}
    if name == "valueCoding":
        return {"valueCodeableConcept": {"coding": [value]}}
    if name == "valueDate":
        return {"valueDateTime": value}
    return {"valueString": value} if name in _WORDS else None
