"""A response to one of the county's forms as the resources it tells of: visit, Observations, drugs, goals, problems, in
the shapes that intake gives the same forms of legacy systems (``profiles/rules/chronic-forms.yaml``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.chronic.answers import Answers, answers_of, first, words
from countyfhir.workflow.chronic.codes import ACTION, ACTIONS, ITEM, OURS, coding
from countyfhir.workflow.chronic.days import local_day
from countyfhir.workflow.chronic.record import derived_id, local
from countyfhir.workflow.chronic.visits import PROFILE

Table = Mapping[str, Any]
LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
MODE = OURS + "form-follow-up-mode"
_CLASSES = {"1": ("AMB", "ambulatory"), "2": ("HH", "home health"), "3": ("VR", "virtual")}
_KINDS = {"vital": "vital-signs", "laboratory": "laboratory", "social-history": "social-history", "exam": "exam"}
DONE = ("completed", "amended")


@dataclass(frozen=True, slots=True)
class Filled:
    """A form that was filled in: its answers, whose it is, when and where."""

    response: Resource
    form: Table
    answers: Answers
    patient: str
    day: str
    institution: str | None
    encounter: str | None

    def id_of(self, part: str) -> str:
        """The id of what a part of the form becomes."""
        return derived_id(f"QuestionnaireResponse/{self.response['id']}", part)


def form_of(response: Resource | None, table: Table) -> Table | None:
    """The form that a response answers, if it is one of the county's."""
    canonical = str((response or {}).get("questionnaire", "")).partition("|")[0]
    return next((one for one in table["forms"] if one["questionnaire"] == canonical), None)


def filled(response: Resource, form: Table, institution: str | None) -> Filled:
    """The form read."""
    answers = answers_of(response)
    patient = local(response.get("subject")) or ""
    day = str(first(answers, form.get("date")) or "") or local_day(response.get("authored"))
    encounter = None
    if "encounter" in form:
        named = local(response.get("encounter"))
        encounter = named or f"Encounter/{derived_id(patient, 'visit', day, institution or '')}"
    return Filled(response, form, answers, patient, day, institution, encounter)


def resources_of(one: Filled) -> Iterator[Resource]:
    """Everything the form tells, the visit first."""
    if one.encounter is not None:
        yield encounter_of(one)
    for spec in one.form["observations"]:
        yield from _observations(one, spec)
    yield from _goals(one)
    yield from _medicines(one)
    yield from _problems(one)
    yield from _allergies(one)
    yield from _family(one)
    yield from _reaction(one)
    yield from _referral(one)


def encounter_of(one: Filled) -> Resource:
    """The visit: its class by the mode of the form, its type with the mode and the name of the form."""
    mode = first(one.answers, one.form.get("mode"))
    code, display = _CLASSES.get(str((mode or {}).get("code", "1")), _CLASSES["1"])
    kind: Resource = {"text": one.form["encounter"]}
    if mode is not None:
        kind = {"coding": [mode], **kind}
    assert one.encounter is not None
    found: Resource = {
        "resourceType": "Encounter",
        "id": one.encounter.partition("/")[2],
        "status": "finished",
        "class": coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", code, display),
        "type": [kind],
        "subject": {"reference": one.patient},
        "period": {"start": one.day},
    }
    if one.form.get("mode"):
        found["meta"] = {"profile": [PROFILE]}
    number = one.response.get("identifier")
    if number:
        found["identifier"] = [number]
    author = one.response.get("author")
    doctor = words(first(one.answers, one.form.get("doctor")))
    if (local(author) or "").startswith("Practitioner"):
        found["participant"] = [{"individual": author}]
    elif doctor:
        found["participant"] = [{"individual": {"display": doctor}}]
    if one.institution is not None:
        found["serviceProvider"] = {"reference": one.institution}
    return found


def _observations(one: Filled, spec: Table) -> Iterator[Resource]:
    if "pressure" in spec:
        upper, lower = (first(one.answers, link) for link in spec["pressure"])
        if upper is not None and lower is not None:
            yield _pressure(one, spec, upper, lower)
        return
    values = one.answers.get(spec["link"], [])
    for place, value in enumerate(values):
        part = spec["part"] if len(values) == 1 else f"{spec['part']}-{words(value) or place}"
        found = _observation(one, spec, part)
        found |= _value(value, spec)
        told = words(first(one.answers, spec.get("note")))
        if told:
            found["note"] = [{"text": told}]
        yield found


def _observation(one: Filled, spec: Table, part: str) -> Resource:
    kind = next((name for name in _KINDS if name in spec), None)
    told = coding(LOINC, spec[kind]) if kind else coding(ITEM, spec.get("item", ""))
    if "pressure" in spec:
        kind, told = "vital", coding(LOINC, "85354-9")
    found: Resource = {
        "resourceType": "Observation",
        "id": one.id_of(part),
        "status": "final",
        "category": [{"coding": [coding(CATEGORY, _KINDS[kind] if kind else "survey")]}],
        "code": {"coding": [told], "text": spec["text"]},
        "subject": {"reference": one.patient},
    }
    if one.encounter is not None:
        found["encounter"] = {"reference": one.encounter}
    day = str(first(one.answers, spec.get("dated")) or one.day)
    if day:
        found["effectiveDateTime"] = day
    if one.institution is not None:
        found["performer"] = [{"reference": one.institution}]
    found["derivedFrom"] = [{"reference": f"QuestionnaireResponse/{one.response['id']}"}]
    return found


def _pressure(one: Filled, spec: Table, upper: Any, lower: Any) -> Resource:
    found = _observation(one, spec, spec["part"])
    if "site" in spec:
        site = coding("http://snomed.info/sct", spec["site"]["code"])
        found["bodySite"] = {"coding": [site], "text": spec["site"]["text"]}
    parts = (("8480-6", "收缩压", upper), ("8462-4", "舒张压", lower))
    found["component"] = [
        {"code": {"coding": [coding(LOINC, code)], "text": text}, **_quantity(value, {"unit": "mm[Hg]"})}
        for code, text, value in parts
    ]
    return found


def _value(value: Any, spec: Table) -> Resource:
    if isinstance(value, dict) and ("system" in value or "code" in value) and "value" not in value:
        if spec.get("words"):
            return {"valueCodeableConcept": {"text": words(value)}}
        return {
            "valueCodeableConcept": {"coding": [value], **({"text": value["display"]} if "display" in value else {})}
        }
    if isinstance(value, dict):
        return {"valueQuantity": value}
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if isinstance(value, int | Decimal):
        return _quantity(value, spec)
    text = str(value)
    return {"valueDateTime": text} if spec.get("item") == "next-visit" else {"valueString": text}


def _quantity(value: Any, spec: Table) -> Resource:
    if isinstance(value, dict):
        return {"valueQuantity": value}
    if "unit" in spec:
        told = {"value": value, "unit": spec["unit"], "system": UCUM, "code": spec["unit"]}
        return {"valueQuantity": told}
    return {"valueQuantity": {"value": value, **({"unit": spec["unit-text"]} if "unit-text" in spec else {})}}


def _goals(one: Filled) -> Iterator[Resource]:
    for spec in one.form.get("goals", ()):
        value = first(one.answers, spec["link"])
        if value is None:
            continue
        told = coding(LOINC, spec["loinc"]) if "loinc" in spec else coding(ITEM, spec["item"])
        target: Resource = {"measure": {"coding": [told], "text": spec["text"]}}
        if isinstance(value, dict) and "value" not in value:
            target["detailCodeableConcept"] = {"coding": [value], "text": words(value)}
        else:
            comparator = {"comparator": ">=" if spec.get("more") else "<="}
            target["detailQuantity"] = comparator | _quantity(value, spec)["valueQuantity"]
        unit = spec.get("unit-text") or spec.get("unit") or ""
        yield {
            "resourceType": "Goal",
            "id": one.id_of(spec["part"]),
            "lifecycleStatus": "active",
            "description": {"text": f"{spec['text']}目标 {words(value)} {unit}".rstrip()},
            "subject": {"reference": one.patient},
            "startDate": one.day,
            "target": [target],
        }


def _medicines(one: Filled) -> Iterator[Resource]:
    for spec in one.form.get("medicines", ()):
        name = words(first(one.answers, spec["name"]))
        if not name:
            continue
        adherence = first(one.answers, spec.get("adherence") or one.form.get("adherence")) or {}
        status = {"3": "not-taken", None: "unknown"}.get(adherence.get("code"), "active")
        dosage = _dosage(one, spec)
        yield {
            "resourceType": "MedicationStatement",
            "id": one.id_of(spec["part"]),
            "status": status,
            "medicationCodeableConcept": {"text": name},
            "subject": {"reference": one.patient},
            **({"context": {"reference": one.encounter}} if one.encounter else {}),
            "effectiveDateTime": one.day,
            "derivedFrom": [{"reference": f"QuestionnaireResponse/{one.response['id']}"}],
            **({"dosage": [dosage]} if dosage else {}),
        }


def _dosage(one: Filled, spec: Table) -> Resource:
    times, dose = first(one.answers, spec.get("times")), words(first(one.answers, spec.get("dose")))
    usage = words(first(one.answers, spec.get("usage")))
    told = [usage] if usage else []
    if times is not None:
        told.append(f"每日{times}次")
    if dose:
        told.append(f"每次{dose}" if times is not None else dose)
    found: Resource = {"text": " ".join(told)} if told else {}
    if isinstance(times, int | Decimal) and times == int(times) and times > 0:
        repeat = {"frequency": int(times), "period": 1, "periodUnit": "d"}
        found["timing"] = {"repeat": repeat, "code": {"text": found["text"]}}
    return found


def _problems(one: Filled) -> Iterator[Resource]:
    for spec in one.form.get("problems", ()):
        for value in one.answers.get(spec["link"], ()):
            code = str(value.get("code")) if isinstance(value, dict) else ""
            if code in spec.get("none", ()):
                continue
            other = words(first(one.answers, spec.get("other")))
            text = (
                other
                if other and (spec.get("named") or words(value).startswith(("其他", "恶性", "职业")))
                else words(value)
            )
            found: Resource = {
                "resourceType": "Condition",
                "id": one.id_of(f"{spec['part']}/{code}"),
                "code": {"coding": [value], "text": text} if isinstance(value, dict) else {"text": text},
                "subject": {"reference": one.patient},
            }
            if spec.get("confirmed"):
                system = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
                found["verificationStatus"] = {"coding": [coding(system, "confirmed")]}
            onset = first(one.answers, spec.get("onset"))
            if onset:
                found["onsetDateTime"] = str(onset)
            if one.encounter is not None:
                found |= {"encounter": {"reference": one.encounter}, "recordedDate": one.day}
            yield found


def _allergies(one: Filled) -> Iterator[Resource]:
    spec = one.form.get("allergies")
    if spec is None:
        return
    for value in one.answers.get(spec["link"], ()):
        code = str(value.get("code"))
        other = words(first(one.answers, spec.get("other"))) if code == "5" else ""
        told: Resource = {"text": other or words(value)}
        if code == spec["none"]:
            told["coding"] = [coding("http://snomed.info/sct", "409137002", "No known drug allergy")]
        system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-"
        yield {
            "resourceType": "AllergyIntolerance",
            "id": one.id_of(f"allergy/{code}"),
            "clinicalStatus": {"coding": [coding(system + "clinical", "active")]},
            "verificationStatus": {"coding": [coding(system + "verification", "confirmed")]},
            "code": told,
            "patient": {"reference": one.patient},
            "recordedDate": one.day,
        }


def _family(one: Filled) -> Iterator[Resource]:
    for spec in one.form.get("family", ()):
        ill = [one_ for one_ in one.answers.get(spec["link"], ()) if str(one_.get("code")) != "1"]
        if not ill:
            continue
        other = words(first(one.answers, spec.get("other")))
        listed = [
            {"code": {"coding": [value], "text": other if other and words(value) == "其他" else words(value)}}
            for value in ill
        ]
        role = coding("http://terminology.hl7.org/CodeSystem/v3-RoleCode", spec["relationship"])
        yield {
            "resourceType": "FamilyMemberHistory",
            "id": one.id_of(f"family/{spec['part']}"),
            "status": "completed",
            "patient": {"reference": one.patient},
            "relationship": {"coding": [role], "text": spec["text"]},
            "condition": listed,
        }


def _reaction(one: Filled) -> Iterator[Resource]:
    spec = one.form.get("reaction")
    if not spec or str((first(one.answers, spec["link"]) or {}).get("code")) != spec["present"]:
        return
    yield {
        "resourceType": "AdverseEvent",
        "id": one.id_of("reaction"),
        "actuality": "actual",
        "event": {"text": words(first(one.answers, spec.get("note"))) or "药物不良反应"},
        "subject": {"reference": one.patient},
        **({"encounter": {"reference": one.encounter}} if one.encounter else {}),
        "date": one.day,
    }


def _referral(one: Filled) -> Iterator[Resource]:
    """The referral that the doctor wrote on the form: a proposal, which $refer makes a referral of."""
    spec = one.form.get("referral")
    reason = words(first(one.answers, spec["reason"])) if spec else ""
    if spec is None or not reason:
        return
    found: Resource = {
        "resourceType": "ServiceRequest",
        "id": one.id_of("referral"),
        "status": "active",
        "intent": "proposal",
        "code": {"coding": [coding(ACTION, "referral", ACTIONS["referral"])], "text": "随访记录表上的转诊"},
        "subject": {"reference": one.patient},
        "authoredOn": one.day,
        "reasonCode": [{"text": reason}],
    }
    if one.encounter is not None:
        found["encounter"] = {"reference": one.encounter}
    target = words(first(one.answers, spec["target"]))
    if target:
        found["performer"] = [{"display": target}]
    yield found
