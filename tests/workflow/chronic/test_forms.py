"""A posted response to a county form is extracted on write, in the shapes that intake makes of the same forms."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from countyfhir import shipped
from countyfhir.outcome import FhirError
from countyfhir.workflow.chronic.forms import filled, form_of, resources_of
from countyfhir.workflow.tables import FolderTables
from tests.workflow.chronic.county import CS, County, codes, condition, county

FORMS = FolderTables(shipped.folders("profiles")).table("chronic-forms")
URL = "https://fhir.county-hc.example/Questionnaire/"
Answers = dict[str, Any]


def response(form: str, answers: Answers, name: str = "r", **more: Any) -> dict[str, Any]:
    """A response whose answers stand in one list; how they are nested is the form's affair."""
    items = [
        {"linkId": link, "answer": [_answer(one) for one in (told if isinstance(told, list) else [told])]}
        for link, told in answers.items()
    ]
    return {
        "resourceType": "QuestionnaireResponse",
        "id": name,
        "questionnaire": f"{URL}{form}|3",
        "status": "completed",
        "subject": {"reference": "Patient/p"},
        "authored": "2026-11-22T09:00:00+08:00",
        "author": {"reference": "Organization/village"},
        "item": items,
    } | more


def _answer(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"valueCoding": value}
    if isinstance(value, int | Decimal):
        return {"valueDecimal": value}
    return {"valueDate": value} if len(value) == 10 and value[4:5] == "-" else {"valueString": value}


def choice(system: str, code: str, display: str = "") -> dict[str, Any]:
    """A Coding of the county."""
    return {"system": f"{CS}{system}", "code": code} | ({"display": display} if display else {})


def hypertension(pressure: str, **more: Any) -> Answers:
    """The answers of a visit, "139/89"."""
    upper, _, lower = pressure.partition("/")
    return {
        "health-record-number": "37052310220000002",
        "date": "2026-11-22",
        "mode": choice("form-follow-up-mode", "2", "家庭"),
        "systolic": Decimal(upper),
        "diastolic": Decimal(lower),
        "assessment": choice("follow-up-assessment", "2", "控制不满意"),
        "doctor": "马永康",
    } | more


def extracted(told: dict[str, Any]) -> list[dict[str, Any]]:
    """What a response becomes, without a server."""
    form = form_of(told, FORMS)
    assert form is not None
    return list(resources_of(filled(told, form, "Organization/village")))


def comparable(resource: dict[str, Any]) -> str:
    """A resource without what differs by its way: ids, references, words beside codes."""
    left_out = ("id", "meta", "identifier", "subject", "patient", "encounter", "context", "performer", "derivedFrom")
    told = {
        name: value for name, value in resource.items() if name not in (*left_out, "serviceProvider", "type", "text")
    }
    told |= {"type": [one["text"] for one in resource["type"]]} if resource["resourceType"] == "Encounter" else {}
    if "valueCodeableConcept" in told and "coding" in told["valueCodeableConcept"]:
        told["valueCodeableConcept"] = [one["code"] for one in told["valueCodeableConcept"]["coding"]]
    return repr(_plain(told))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return Decimal(str(value)).normalize() if isinstance(value, int | float | Decimal) else value


def test_the_hypertension_form_becomes_what_intake_makes_of_it() -> None:
    """Resource for resource, the golden case of the mapping file."""
    path = shipped.folder("mappings") / "public-health/cases/hypertension-follow-up.yaml"
    case = yaml.safe_load(path.read_text("utf-8"))[0]
    record = case["record"]
    answers = hypertension(f"{record['收缩压']}/{record['舒张压']}") | {
        "date": record["随访日期"],
        "mode": choice("form-follow-up-mode", record["随访方式"]),
        "weight": Decimal(record["体重"]),
        "heart-rate": Decimal(record["心率"]),
        "cigarettes": Decimal(record["日吸烟量"]),
        "adherence": choice("medication-adherence", record["服药依从性"]),
        "assessment": choice("follow-up-assessment", record["此次随访分类"]),
        "medicine-1-name": record["药物名称"],
        "medicine-1-times": Decimal(1),
        "medicine-1-dose": "1粒",
    }
    made = {comparable(one) for one in extracted(response("hypertension-follow-up", answers))}
    for resource in case["resources"]:
        if resource["resourceType"] == "MedicationStatement":
            resource["dosage"][0]["text"] = resource["dosage"][0]["timing"]["code"]["text"] = "每日1次 每次1粒"
        assert comparable(resource) in made, resource


@pytest.mark.parametrize("form", ["diabetes-follow-up", "health-check", "personal-information"])
def test_the_other_forms_measure_what_intake_measures(form: str) -> None:
    """Every code and category of an Observation that the mapping file makes is one that the form makes."""
    mapping = yaml.safe_load((shipped.folder("mappings") / f"public-health/{form}.yaml").read_text("utf-8"))
    specs = next(one for one in FORMS["forms"] if one["questionnaire"].endswith(form))["observations"]
    offered = {spec.get(kind) for spec in specs for kind in ("vital", "laboratory", "exam", "social-history", "item")}
    offered |= {"85354-9"} if any("pressure" in spec for spec in specs) else set()
    for one in mapping["resources"]:
        if one.get("type") == "Observation":
            assert one["content"]["code"]["coding"][0]["code"] in offered
        elif one.get("use") in ("vital-sign", "follow-up-item"):
            assert one["with"].get("loinc", one["with"].get("item")) in offered


def test_the_personal_form_tells_past_allergy_and_family() -> None:
    """In intake's shapes; nothing where the answer is none."""
    answers = {
        "abo": choice("cv04.50.005", "1", "A型"),
        "drug-allergy": choice("personal-form-drug-allergy", "1", "无"),
        "past-disease-1-kind": choice("personal-form-disease", "2", "高血压"),
        "past-disease-1-date": "2019-05-01",
        "family-father-disease": [choice("personal-form-family-disease", "3", "糖尿病")],
        "family-mother-disease": [choice("personal-form-family-disease", "1", "无")],
    }
    made = {one["resourceType"]: one for one in extracted(response("personal-information", answers))}
    assert set(made) == {"Observation", "AllergyIntolerance", "Condition", "FamilyMemberHistory"}
    assert made["AllergyIntolerance"]["code"]["coding"][0]["code"] == "409137002"
    assert (made["Condition"]["code"]["text"], made["Condition"]["onsetDateTime"]) == ("高血压", "2019-05-01")
    assert made["FamilyMemberHistory"]["relationship"]["coding"][0]["code"] == "FTH"


def test_a_posted_form_is_one_commit_with_what_it_tells(tmp_path: Path) -> None:
    """Visit, results, drugs, the class, the next visit; a changed one changes them; two forms share a visit."""

    async def story(made: County) -> None:
        await made.all_at_once(condition("c", "I10.x00"), condition("d", "E11.900"))
        drugs = {"medicine-1-name": "氨氯地平片", "medicine-1-times": Decimal(1), "medicine-1-dose": "5mg"}
        more = drugs | {"next-date": "2026-12-01", "weight-goal": Decimal(62), "referral-reason": "血压控制不满意"}
        stored = await made.put(response("hypertension-follow-up", hypertension("150/95", **more)))
        visits = await made.search("Encounter", patient="Patient/p")
        assert [(one["type"][0]["text"], one["class"]["code"]) for one in visits] == [("高血压随访", "HH")]
        assert visits[0]["meta"]["lastUpdated"] == stored["meta"]["lastUpdated"]
        for kind in ("MedicationStatement", "Goal"):
            assert len(await made.search(kind, patient="Patient/p")) == 1
        tasks = await made.search("Task", code=f"{CS}chronic-action|follow-up", status="requested")
        assert [one["restriction"]["period"]["end"] for one in tasks] == ["2026-12-01"]  # earlier than two weeks
        assert len(await made.search("ServiceRequest", intent="proposal", status="active")) == 1
        glucose = {
            "date": "2026-11-22",
            "mode": choice("form-follow-up-mode", "2", "家庭"),
            "systolic": Decimal(150),
            "diastolic": Decimal(95),
            "fasting-glucose": Decimal("6.5"),
            "assessment": choice("follow-up-assessment", "1", "控制满意"),
        }
        await made.put(response("diabetes-follow-up", glucose, "s"))
        visits = await made.search("Encounter", patient="Patient/p")
        assert [[kind["text"] for kind in one["type"]] for one in visits] == [["高血压随访", "糖尿病随访"]]
        assert len(await made.search("Observation", code="http://loinc.org|85354-9")) == 1
        await made.put(response("hypertension-follow-up", hypertension("130/80"), status="amended"))
        readings = await made.search("Observation", code="http://loinc.org|85354-9", status="final")
        assert [one["component"][0]["valueQuantity"]["value"] for one in readings] == [130]
        drugs_now = await made.search("MedicationStatement", patient="Patient/p")
        assert [one["status"] for one in drugs_now] == ["entered-in-error"]
        assert await made.search("ServiceRequest", intent="proposal", status="active") == []
        result = (await made.search("Observation", code=f"{CS}follow-up-item|computed-assessment"))[0]
        assert codes(result, "valueCodeableConcept", "follow-up-class") == ["satisfied"]

    _told(tmp_path, story)


def test_other_responses_are_left_alone(tmp_path: Path) -> None:
    """Of other forms, and unfinished ones of ours; one about nobody is refused."""

    async def story(made: County) -> None:
        await made.put(response("hypertension-follow-up", hypertension("150/95"), status="in-progress"))
        await made.put(response("x", {"q": "a"}, "o", questionnaire="http://example.org/Questionnaire/phq"))
        assert await made.search("Encounter") == []
        nobody = response("hypertension-follow-up", hypertension("150/95"), "n")
        with pytest.raises(FhirError) as caught:
            await made.put({name: value for name, value in nobody.items() if name != "subject"})
        assert caught.value.issues[0].expression == ("QuestionnaireResponse.subject",)

    _told(tmp_path, story)


def _told(path: Path, story: Any) -> None:
    async def go() -> None:
        async with county(path) as made:
            await story(made)

    asyncio.run(go())
