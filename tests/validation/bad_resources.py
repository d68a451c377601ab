"""Resources that each break one rule: (key or part of the canonical, FHIRPath expected, resource)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

TEXT = {"text": "x"}
UCUM = "http://unitsofmeasure.org"
XHTML = '<div xmlns="http://www.w3.org/1999/xhtml">'


def of(resource_type: str, **elements: Any) -> dict[str, Any]:
    """A resource."""
    return {"resourceType": resource_type, **elements}


def observation(**elements: Any) -> dict[str, Any]:
    return of("Observation", status="final", code=TEXT, **elements)


def patient(**elements: Any) -> dict[str, Any]:
    return of("Patient", **elements)


def questionnaire(**item: Any) -> dict[str, Any]:
    return of("Questionnaire", status="draft", item=[{"linkId": "1", **item}])


def bundle(kind: str, *entries: Any, **elements: Any) -> dict[str, Any]:
    return of("Bundle", type=kind, **elements, **({"entry": list(entries)} if entries else {}))


def narrative(inside: str) -> dict[str, Any]:
    return patient(text={"status": "generated", "div": f"{XHTML}{inside}</div>"})


def condition(**elements: Any) -> dict[str, Any]:
    return of("Condition", subject={"display": "x"}, **elements)


def quantity(**elements: Any) -> dict[str, Any]:
    return observation(valueQuantity=elements)


def timing(**repeat: Any) -> dict[str, Any]:
    return observation(effectiveTiming={"repeat": repeat})


def value_set(**compose: Any) -> dict[str, Any]:
    return of("ValueSet", status="draft", **compose)


VERSION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
ACTIVE = {"coding": [{"system": CLINICAL, "code": "active"}]}
WRONG = {"coding": [{"system": VERSION, "code": "entered-in-error"}]}
ORDER = of("ServiceRequest", status="active", intent="order", subject={"display": "x"})
DOCUMENT = of(
    "Composition", status="final", type=TEXT, date="2026-01-01", title="t", author=[{"reference": "Practitioner/1"}]
)
IDENTIFIED = {"identifier": {"system": "urn:x:y", "value": "1"}, "timestamp": "2026-01-01T00:00:00Z"}

BAD: list[tuple[str, str, dict[str, Any]]] = [
    ("obs-6", "Observation", observation(valueString="x", dataAbsentReason=TEXT)),
    (
        "obs-7",
        "Observation",
        of(
            "Observation",
            status="final",
            code={"coding": [{"system": "urn:x:y", "code": "a"}]},
            valueString="x",
            component=[{"code": {"coding": [{"system": "urn:x:y", "code": "a"}]}, "valueString": "y"}],
        ),
    ),
    ("obs-3", "Observation.referenceRange[0]", observation(referenceRange=[{"type": TEXT}])),
    ("per-1", "Observation.effective", observation(effectivePeriod={"start": "2026-02-01", "end": "2026-01-01"})),
    ("per-1", "Patient.name[1].period", patient(name=[TEXT, {"period": {"start": "2026-02", "end": "2025"}}])),
    ("pat-1", "Patient.contact[1]", patient(contact=[{"name": TEXT}, {"gender": "male"}])),
    ("dom-3", "Patient.contained[0]", patient(contained=[of("Organization", id="o", name="x")])),
    (
        "ref-1",
        "Patient.managingOrganization.reference",
        patient(managingOrganization={"reference": "#o"}),
    ),
    ("qty-3", "Observation.value", quantity(value=1, code="mg")),
    ("rng-2", "Observation.value", observation(valueRange={"low": {"value": 2}, "high": {"value": 1}})),
    ("rat-1", "Observation.value", observation(valueRatio={"numerator": {"value": 1}})),
    ("att-1", "Patient.photo[0]", patient(photo=[{"data": "eA=="}])),
    ("cpt-2", "Patient.telecom[0]", patient(telecom=[{"value": "1"}])),
    ("age-1", "Condition.onset", condition(onsetAge={"value": Decimal("-1"), "system": UCUM, "code": "a"}, clinicalStatus=ACTIVE)),
    ("all-time-units", "Condition.onset.code", condition(onsetAge={"value": 1, "system": UCUM, "code": "kg"}, clinicalStatus=ACTIVE)),
    ("tim-1", "Observation.effective.repeat", timing(duration=1)),
    ("tim-2", "Observation.effective.repeat", timing(period=1)),
    ("tim-4", "Observation.effective.repeat", timing(duration=Decimal("-1"), durationUnit="d")),
    ("tim-6", "Observation.effective.repeat", timing(periodMax=1)),
    ("tim-7", "Observation.effective.repeat", timing(durationMax=1)),
    ("tim-8", "Observation.effective.repeat", timing(countMax=1)),
    ("tim-9", "Observation.effective.repeat", timing(offset=1, when=["CM"])),
    ("tim-10", "Observation.effective.repeat", timing(timeOfDay=["01:00:00"], when=["WAKE"])),
    ("con-1", "Condition.stage[0]", condition(stage=[{"type": TEXT}], clinicalStatus=ACTIVE)),
    ("con-2", "Condition.evidence[0]", condition(evidence=[{"id": "x", "extension": [{"url": "urn:x:y", "valueCode": "x"}]}], clinicalStatus=ACTIVE)),
    ("con-4", "Condition", condition(abatementString="x", clinicalStatus=ACTIVE)),
    ("con-5", "Condition", condition(verificationStatus=WRONG, clinicalStatus=ACTIVE)),
    ("ait-1", "AllergyIntolerance", of("AllergyIntolerance", patient={"display": "x"})),
    ("org-1", "Organization", of("Organization", active=True)),
    ("org-2", "Organization.address[0]", of("Organization", name="x", address=[{"use": "home"}])),
    ("org-3", "Organization.telecom[1]", of("Organization", name="x", telecom=[{"use": "work"}, {"use": "home"}])),
    ("prr-1", "ServiceRequest", ORDER | {"orderDetail": [TEXT]}),
    ("app-1", "Appointment.participant[0]", of("Appointment", status="proposed", participant=[{"status": "accepted"}])),
    ("app-2", "Appointment", of("Appointment", status="proposed", start="2026-01-01T00:00:00Z", participant=[{"status": "accepted", "type": [TEXT]}])),
    ("app-3", "Appointment", of("Appointment", status="booked", participant=[{"status": "accepted", "type": [TEXT]}])),
    ("inv-1", "Task", of("Task", status="draft", intent="order", authoredOn="2026-01-02", lastModified="2026-01-01")),
    ("inv-1", "Parameters.parameter[0]", of("Parameters", parameter=[{"name": "x"}])),
    ("cmp-1", "Composition.section[0]", DOCUMENT | {"section": [{"title": "x"}]}),
    ("cmp-2", "Composition.section[0]", DOCUMENT | {"section": [{"emptyReason": TEXT, "entry": [{"display": "x"}]}]}),
    ("lst-1", "List", of("List", status="current", mode="working", emptyReason=TEXT, entry=[{"item": {"display": "x"}}])),
    ("lst-2", "List", of("List", status="current", mode="working", entry=[{"deleted": True, "item": {"display": "x"}}])),
    ("grp-1", "Group", of("Group", type="person", actual=False, member=[{"entity": {"display": "x"}}])),
    ("fhs-1", "FamilyMemberHistory", of("FamilyMemberHistory", status="completed", patient={"display": "x"}, relationship=TEXT, ageString="1", bornString="2")),
    ("imm-1", "Immunization.education[0]", of("Immunization", status="completed", vaccineCode=TEXT, patient={"display": "x"}, occurrenceString="x", education=[{"publicationDate": "2026"}])),
    ("mad-1", "MedicationAdministration.dosage", of("MedicationAdministration", status="completed", medicationCodeableConcept=TEXT, subject={"display": "x"}, effectiveDateTime="2026", dosage={"text": "x"})),
    ("mdd-1", "MedicationDispense", of("MedicationDispense", status="completed", medicationCodeableConcept=TEXT, whenPrepared="2026-01-02", whenHandedOver="2026-01-01")),
    ("ppc-1", "Consent", of("Consent", status="active", scope=TEXT, category=[TEXT], patient={"display": "x"})),
    ("ras-2", "RiskAssessment.prediction[0]", of("RiskAssessment", status="final", subject={"display": "x"}, prediction=[{"probabilityDecimal": 101}])),
    ("que-1", "Questionnaire.item[0]", questionnaire(type="group")),
    ("que-2", "Questionnaire", of("Questionnaire", status="draft", item=[{"linkId": "1", "type": "string"}, {"linkId": "1", "type": "string"}])),
    ("que-4", "Questionnaire.item[0]", questionnaire(type="choice", answerOption=[{"valueString": "x"}], answerValueSet="http://x.example/v")),
    ("que-7", "Questionnaire.item[0].enableWhen[0]", questionnaire(type="string", enableWhen=[{"question": "1", "operator": "exists", "answerInteger": 1}])),
    ("que-10", "Questionnaire.item[0]", questionnaire(type="date", maxLength=3)),
    ("qrs-1", "QuestionnaireResponse.item[0]", of("QuestionnaireResponse", status="completed", item=[{"linkId": "1", "answer": [{"valueString": "x"}], "item": [{"linkId": "2"}]}])),
    ("vsd-1", "ValueSet.compose.include[0]", value_set(compose={"include": [{"version": "1"}]})),
    ("vsd-3", "ValueSet.compose.include[0]", value_set(compose={"include": [{"system": "urn:x:y", "concept": [{"code": "a"}], "filter": [{"property": "p", "op": "=", "value": "v"}]}]})),
    ("cmd-1", "ConceptMap.group[0].element[0].target[0]", of("ConceptMap", status="draft", group=[{"element": [{"code": "a", "target": [{"code": "b", "equivalence": "narrower"}]}]}])),
    ("sdf-4", "StructureDefinition", of("StructureDefinition", url="urn:x:y", name="X", status="draft", kind="resource", abstract=False, type="Patient", derivation="constraint", differential={"element": [{"id": "Patient", "path": "Patient"}]})),
    ("eld-2", "StructureDefinition.differential.element[0]", of("StructureDefinition", url="urn:x:y", name="X", status="draft", kind="resource", abstract=False, type="Patient", baseDefinition="http://hl7.org/fhir/StructureDefinition/Patient", derivation="constraint", differential={"element": [{"id": "Patient", "path": "Patient", "min": 2, "max": "1"}]})),
    ("spd-1", "SearchParameter", of("SearchParameter", url="urn:x:y", name="X", status="draft", description="x", code="x", base=["Patient"], type="string", xpath="f:x")),
    ("bdl-1", "Bundle", bundle("collection", total=1)),
    ("bdl-2", "Bundle", bundle("collection", {"resource": patient(), "search": {"mode": "match"}})),
    ("bdl-3", "Bundle", bundle("transaction", {"resource": patient()})),
    ("bdl-4", "Bundle", bundle("batch-response", {"resource": patient()})),
    ("bdl-5", "Bundle.entry[0]", bundle("collection", {"fullUrl": "urn:uuid:0a3c8f5e-3b7e-4d5a-9b55-0c2b8a1f6d01"})),
    ("bdl-7", "Bundle", bundle("collection", *[{"fullUrl": "http://x.example/Patient/1", "resource": patient(id="1")}] * 2)),
    ("bdl-8", "Bundle.entry[0]", bundle("collection", {"fullUrl": "http://x.example/Patient/1/_history/1", "resource": patient(id="1")})),
    ("bdl-9", "Bundle", bundle("document", {"resource": DOCUMENT | {"author": [{"display": "x"}]}}, timestamp="2026-01-01T00:00:00Z")),
    ("bdl-10", "Bundle", bundle("document", {"resource": DOCUMENT | {"author": [{"display": "x"}]}}, identifier={"system": "urn:x:y", "value": "1"})),
    ("bdl-11", "Bundle", bundle("document", {"resource": patient()}, **IDENTIFIED)),
    ("bdl-12", "Bundle", bundle("message", {"resource": patient()})),
    ("fullUrl", "Bundle.entry[0].fullUrl", bundle("collection", {"fullUrl": "http://x.example/Patient/2", "resource": patient(id="1")})),
    ("must hold", "Bundle.entry[0].resource.author[0].reference", bundle("document", {"fullUrl": "http://x.example/Composition/1", "resource": DOCUMENT | {"id": "1"}}, **IDENTIFIED)),
    ("pat-1", "Bundle.entry[0].resource.contact[0]", bundle("collection", {"resource": patient(contact=[{"gender": "male"}])})),
    ("pat-1", "Observation.contained[0].contact[0]", observation(subject={"reference": "#p"}, contained=[patient(id="p", contact=[{"gender": "male"}])])),
    ("txt-1", "Patient.text.div", narrative("<script>alert(1)</script>")),
    ("txt-1", "Patient.text.div", narrative('<p onclick="x()">a</p>')),
    ("txt-1", "Patient.text.div", narrative('<a href=" java&#10;script:alert(1)">a</a>')),
    ("txt-1", "Patient.text.div", narrative('<p style="background: url(http://x.example/a.png)">a</p>')),
    ("txt-1", "Patient.text.div", narrative('<iframe src="http://x.example/">a</iframe>')),
    ("txt-1", "Patient.text.div", narrative('<link rel="stylesheet" href="http://x.example/a.css"/>a')),
    ("txt-2", "Patient.text.div", narrative("  ")),
    ("all-languages", "Patient.language", patient(language="not_a_language!".removesuffix("!"))),
    ("all-languages", "Patient.communication[0].language", patient(communication=[{"language": {"coding": [{"system": "urn:x:y", "code": "zh"}]}}])),
]  # fmt: skip

TOLD: list[tuple[str, str, str, dict[str, Any]]] = [
    ("warning", "dom-6", "Patient", patient(active=True)),
    ("warning", "not-found", "Patient.maritalStatus.coding[0].system", patient(maritalStatus={"coding": [{"system": "http://x.example/s", "code": "M"}]})),
    ("warning", "code-invalid", "Patient.maritalStatus", patient(maritalStatus={"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "NI"}]})),
    ("warning", "code-invalid", "Observation.category[0].coding[0].code", observation(category=[{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "x"}]}])),
    ("warning", "value", "Observation.category[0].coding[0].display", observation(category=[{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory", "display": "Survey"}]}])),
    ("information", "code-invalid", "Observation.category[0]", observation(category=[{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"}]}])),
    ("warning", "code-invalid", "Observation.value.code", observation(valueQuantity={"value": 1, "system": UCUM, "code": "mmHg"})),
    ("warning", "unknown", "Patient.meta.profile[0]", patient(meta={"profile": ["http://x.example/p"]})),
    ("warning", "con-3", "Condition", of("Condition", subject={"display": "x"}, category=[{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": "problem-list-item"}]}])),
]  # fmt: skip
"""What is said and refuses nothing: (severity, issue code or rule, FHIRPath, resource)."""
