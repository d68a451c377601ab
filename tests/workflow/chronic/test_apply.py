"""PlanDefinition/$apply: one plan for one to three diseases, and other people's definitions as R4 says."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from countyfhir import shipped
from countyfhir.exchange import Interaction
from countyfhir.outcome import FhirError
from countyfhir.validation.check import COMPLETE, check
from countyfhir.validation.profiles import folder
from tests.workflow.chronic.county import CS, County, condition, county, glucose, pressure, visit

CHRONIC = "https://fhir.county-hc.example/PlanDefinition/chronic-care"
PLANS = list(folder.resources([shipped.folder("profiles") / "plans"]))


def parameters(**told: Any) -> dict[str, Any]:
    """A Parameters resource."""
    listed = [
        {"name": name, "resource": value} if isinstance(value, dict) else {"name": name, "valueString": value}
        for name, value in told.items()
    ]
    return {"resourceType": "Parameters", "parameter": listed}


async def applied(made: County, name: str | None = None, kind: str = "PlanDefinition", **told: Any) -> dict[str, Any]:
    """What $apply answers."""
    asked = parameters(**{"subject": "Patient/p", **told})
    answer = await made.opened.perform(
        Interaction("operation", kind, name, operation="$apply", body=asked, http_method="POST")
    )
    assert isinstance(answer.body, dict)
    return answer.body


def inside(plan: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The contained resources of a type."""
    return [one for one in plan.get("contained", ()) if one["resourceType"] == kind]


async def checked(made: County, resource: dict[str, Any]) -> None:
    """Valid by the server's own rules."""
    answer = await made.opened.perform(
        Interaction("operation", resource["resourceType"], operation="$validate", body=resource, http_method="POST")
    )
    assert isinstance(answer.body, dict)
    assert [one for one in answer.body["issue"] if one["severity"] in ("error", "fatal")] == []


def told(path: Path, story: Any) -> None:
    """Run a story."""

    async def go() -> None:
        async with county(path) as made:
            await story(made)

    asyncio.run(go())


def test_one_plan_for_several_diseases(tmp_path: Path) -> None:
    """Goals and screenings of each disease, once; three prescriptions; one next visit, on the earliest day."""

    async def story(made: County) -> None:
        await made.put(condition("c", "I10.x00"))
        one = await applied(made, url=CHRONIC)
        assert [goal["id"] for goal in inside(one, "Goal")] == ["blood-pressure"]
        assert [task["restriction"]["period"]["end"] for task in inside(one, "Task")] == ["2027-02-22"]
        assert one["addresses"] == [{"reference": "Condition/c"}]
        await made.all_at_once(condition("d", "E11.300x011+H36.0*"), condition("e", "E78.500"))
        await made.all_at_once(
            visit("v", "2026-11-22"), pressure("b", "2026-11-22", "130/80", "v"), glucose("g", "2026-11-22", "8.0", "v")
        )
        three = await applied(made, url=CHRONIC, organization="Organization/township")
        await checked(made, three)
        assert [goal["id"] for goal in inside(three, "Goal")] == ["blood-pressure", "glucose", "lipids"]
        assert [task["restriction"]["period"]["end"] for task in inside(three, "Task")] == ["2026-12-06"]
        screened = [one["id"] for one in inside(three, "ServiceRequest") if one["id"].startswith("screening")]
        assert len(screened) == 5  # the fundus is known to be ill
        kinds = [one["resourceType"] for one in three["contained"]]
        assert (kinds.count("NutritionOrder"), kinds.count("MedicationRequest")) == (1, 1)
        assert {one["reference"] for one in three["addresses"]} == {"Condition/c", "Condition/d", "Condition/e"}
        assert len(three["instantiatesCanonical"]) == 4
        plan = {**three, "id": "plan", "status": "active"}
        plan["meta"] = {"profile": ["https://fhir.county-hc.example/StructureDefinition/county-care-plan"]}
        await made.put(plan)
        assert len(await made.search("CarePlan", **{"instantiates-canonical": CHRONIC})) == 1
        for task in await made.search("Task", code=f"{CS}chronic-action|follow-up", status="requested"):
            assert task["restriction"]["period"]["end"] == "2026-12-06"
        with pytest.raises(FhirError) as caught:
            await made.put({**plan, "id": "second"})
        assert caught.value.status == 422
        await made.put({**plan, "id": "second", "replaces": [{"reference": "CarePlan/plan"}]})
        assert (await made.read("CarePlan/plan"))["status"] == "revoked"
        asked = parameters(url=CHRONIC, subject="Patient/p", organization="Organization/township")
        asked["parameter"].append({"name": "persist", "valueBoolean": True})
        await made.opened.perform(
            Interaction("operation", "PlanDefinition", operation="$apply", body=asked, http_method="POST")
        )
        assert (await made.read("CarePlan/second"))["status"] == "revoked"
        assert len(await made.search("CarePlan", status="active")) == 1

    told(tmp_path, story)


def test_the_countys_definitions_are_valid() -> None:
    """By the rules of R4."""
    problems = [
        (one["id"], issue) for one in PLANS for issue in check(one, wanted=COMPLETE) if issue.severity == "error"
    ]
    assert problems == []
    assert len(PLANS) == 14


OTHERS: dict[str, Any] = {
    "resourceType": "PlanDefinition",
    "url": "http://example.org/PlanDefinition/o",
    "status": "active",
    "title": "Other people's",
    "contained": [
        {
            "resourceType": "ActivityDefinition",
            "id": "order",
            "status": "active",
            "kind": "ServiceRequest",
            "intent": "order",
            "code": {"text": "ECG"},
            "participant": [{"type": "practitioner"}],
            "timingDuration": {"value": 2, "unit": "weeks", "system": "http://unitsofmeasure.org", "code": "wk"},
            "dynamicValue": [
                {"path": "authoredOn", "expression": {"language": "text/fhirpath", "expression": "today()"}},
                {"path": "note.text", "expression": {"language": "text/fhirpath", "expression": "%subject.name.text"}},
            ],
        },
    ],
    "action": [
        {
            "title": "group",
            "groupingBehavior": "logical-group",
            "action": [
                {
                    "id": "women",
                    "condition": [
                        {
                            "kind": "applicability",
                            "expression": {"language": "text/fhirpath", "expression": "gender = 'female'"},
                        }
                    ],
                    "definitionCanonical": "#order",
                    "dynamicValue": [
                        {"path": "priority", "expression": {"language": "text/fhirpath", "expression": "'urgent'"}}
                    ],
                },
                {
                    "title": "men",
                    "condition": [
                        {
                            "kind": "applicability",
                            "expression": {"language": "text/fhirpath", "expression": "gender = 'male'"},
                        }
                    ],
                    "definitionCanonical": "#order",
                },
                {
                    "title": "the ill",
                    "condition": [
                        {
                            "kind": "applicability",
                            "expression": {
                                "language": "application/x-fhir-query",
                                "expression": "Condition?patient=Patient/{{%patient.id}}&code=I10.x00",
                            },
                        }
                    ],
                    "trigger": [{"type": "named-event", "name": "x"}],
                    "description": "Talk",
                },
            ],
        }
    ],
}


def test_other_peoples_plans(tmp_path: Path) -> None:
    """Nested actions, conditions in FHIRPath and as searches, dynamic values of action and activity, structure kept;
    what is not carried out is said or refused."""

    async def story(made: County) -> None:
        await made.put({"resourceType": "Practitioner", "id": "dr", "name": [{"text": "刘敏"}]})
        plan = await applied(made, planDefinition=OTHERS, practitioner="Practitioner/dr")
        await checked(made, plan)
        order = inside(plan, "ServiceRequest")
        assert len(order) == 1
        assert (order[0]["priority"], order[0]["authoredOn"], order[0]["note"]) == (
            "urgent",
            "2026-11-22",
            [{"text": "周秀兰"}],
        )
        assert order[0]["occurrencePeriod"] == {"start": "2026-11-22", "end": "2026-12-06"}
        assert order[0]["performer"] == [{"reference": "Practitioner/dr"}]
        group = inside(plan, "RequestGroup")[0]
        assert [one["resource"]["reference"] for one in group["action"][0]["action"]] == ["#women"]
        assert plan["activity"][0] == {"reference": {"reference": f"#{group['id']}"}}
        await made.put(condition("c", "I10.x00"))
        more = await applied(made, planDefinition=OTHERS, practitioner="Practitioner/dr")
        assert [one.get("description") for one in inside(more, "Task")] == ["Talk"]
        assert "trigger" in inside(more, "OperationOutcome")[0]["issue"][0]["diagnostics"]
        activity = await applied(made, kind="ActivityDefinition", activityDefinition=OTHERS["contained"][0])
        assert (activity["resourceType"], activity["intent"]) == ("ServiceRequest", "order")
        cql = {"kind": "applicability", "expression": {"language": "text/cql", "expression": "Is Ill"}}
        colour = {"path": "colour", "expression": {"language": "text/fhirpath", "expression": "'a'"}}
        for wrong in (
            {"action": [{"condition": [cql]}]},
            {"action": [{"definitionCanonical": "http://example.org/none"}]},
            {"action": [{"definitionCanonical": "#order", "dynamicValue": [colour]}]},
        ):
            with pytest.raises(FhirError) as caught:
                await applied(made, planDefinition={**OTHERS, **wrong})
            assert caught.value.status == 422
        with pytest.raises(FhirError) as caught:
            await applied(made, planDefinition=OTHERS, colour="red")
        assert caught.value.status == 400
        with pytest.raises(FhirError) as caught:
            await applied(made, planDefinition=OTHERS, subject="Patient/none")
        assert caught.value.status == 404

    told(tmp_path, story)
