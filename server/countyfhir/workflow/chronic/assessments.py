"""The computed class of a follow-up as an Observation beside the doctor's own, and what earlier ones say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from countyfhir.exchange import Resource
from countyfhir.workflow.chronic.classification import CLASSES, Classified, worst
from countyfhir.workflow.chronic.codes import ASSESSMENT, CLASS, COMPARISON, DISEASE, ITEM, coding, concept
from countyfhir.workflow.chronic.days import local_day
from countyfhir.workflow.chronic.facts import UNUSABLE
from countyfhir.workflow.chronic.record import Record, codes_in, derived_id

if TYPE_CHECKING:
    from countyfhir.workflow.chronic.visits import Visit

Table = Mapping[str, Any]
COMPUTED = "computed-assessment"
_COMPARED = {
    "agrees": "一致 Agrees with the doctor's",
    "differs": "不一致 Differs from the doctor's",
}


def computed(visit: Visit, classified: Sequence[Classified], doctors: str | None, rules: Table) -> Resource:
    """The Observation: the worst class, one component a disease, the doctor's own and whether both agree, the version
    of the rules as method, the reasons as notes."""
    overall = worst([one.code for one in classified])
    components = [
        {"code": concept(DISEASE, one.disease), "valueCodeableConcept": concept(CLASS, one.code, CLASSES[one.code])}
        for one in classified
    ]
    if doctors is not None:
        told = next(iter(visit.facts["doctors"]))
        agrees = "agrees" if _same(overall, doctors) else "differs"
        components.append(_component("assessment", coding(ASSESSMENT, told)))
        components.append(_component("assessment-comparison", coding(COMPARISON, agrees, _COMPARED[agrees])))
    notes = [f"{one.disease}: {text} [{rule}]" for one in classified for rule, text in one.reasons]
    notes += [f"{one.disease}: 缺少 missing {', '.join(one.missing)}" for one in classified if one.missing]
    version = next((one.version for one in classified), "")
    found: Resource = {
        "resourceType": "Observation",
        "id": derived_id(visit.reference, COMPUTED),
        "status": "final",
        "category": [concept("http://terminology.hl7.org/CodeSystem/observation-category", "survey")],
        "code": concept(ITEM, COMPUTED, "系统判定的随访分类 Computed class of the follow-up"),
        "subject": {"reference": visit.patient},
        "effectiveDateTime": visit.day,
        "valueCodeableConcept": concept(CLASS, overall, CLASSES[overall]),
        "method": {"coding": [coding(str(rules["url"]), version)], "text": f"{rules['title']} {version}"},
        "derivedFrom": [{"reference": f"Observation/{one['id']}"} for one in visit.observations],
        "component": components,
    }
    if notes:
        found["note"] = [{"text": text} for text in notes]
    if visit.encounter is not None:
        found["encounter"] = {"reference": visit.reference}
    return found


def _component(item: str, value: Resource) -> Resource:
    return {"code": concept(ITEM, item), "valueCodeableConcept": {"coding": [value]}}


def _same(overall: str, doctors: str) -> bool:
    """The form has no code for an emergency: there "not well controlled" or a complication says as much as it can."""
    return overall == doctors or (overall == "emergency" and doctors in ("unsatisfied", "complication"))


def doctors_class(facts: Mapping[str, Any], rules: Table) -> str | None:
    """The class that the doctor's own code stands for."""
    return next((rules["doctors"][code] for code in sorted(facts.get("doctors", ())) if code in rules["doctors"]), None)


async def past(record: Record, patient: str) -> list[Resource]:
    """Every assessment of a resident's follow-ups, computed and by doctors, and every pulse of the foot."""
    wanted = (COMPUTED, "assessment", "foot-pulse")
    return await record.find(
        "Observation",
        patient,
        "code=" + ",".join(f"{ITEM}|{code}" for code in wanted),
        lambda one: one.get("status") not in UNUSABLE and not set(wanted).isdisjoint(codes_in(one.get("code"), ITEM)),
    )


def tells_all(observation: Resource) -> bool:
    """Whether it is a computed class that leaves none unknown: then the doctor's own at the visit is not asked."""
    found = codes_in(observation.get("code"), ITEM)
    return COMPUTED in found and "unknown" not in classes_of(observation, ()).values()


def classes_of(observation: Resource, kinds: Sequence[str]) -> dict[str, str]:
    """Disease -> class that an assessment tells; a doctor's counts for the diseases of the form it stands in."""
    if COMPUTED in codes_in(observation.get("code"), ITEM):
        return {
            disease: code
            for part in observation.get("component", ())
            for disease in codes_in(part.get("code"), DISEASE)
            for code in codes_in(part.get("valueCodeableConcept"), CLASS)
        }
    own = {"1": "satisfied", "2": "unsatisfied", "3": "adverse-reaction", "4": "complication"}
    codes = codes_in(observation.get("valueCodeableConcept"), ASSESSMENT)
    return {disease: own[codes[0]] for disease in kinds if codes and codes[0] in own}


def foot_pulse_before(observations: Sequence[Resource], day: str) -> str | None:
    """The code of the pulse of the foot at the last visit before a day."""
    found = [
        (local_day(one.get("effectiveDateTime")), code)
        for one in observations
        if "foot-pulse" in codes_in(one.get("code"), ITEM)
        for code in codes_in(one.get("valueCodeableConcept"), "https://fhir.county-hc.example/cs/foot-pulse-diabetes")
    ]
    return max((one for one in found if one[0] < day), default=("", None))[1]
