"""QuestionnaireResponse/$extract: the county's forms as on write, other people's by observations and by definitions."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from countyfhir.exchange import Interaction
from countyfhir.outcome import FhirError
from tests.workflow.chronic.county import County, county
from tests.workflow.chronic.test_forms import hypertension, response

SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
OBSERVED = f"{SDC}observationExtract"
CORE = "http://hl7.org/fhir/StructureDefinition/"


def coded(link: str, kind: str, code: str, **more: Any) -> dict[str, Any]:
    """An item of a Questionnaire with a code of LOINC."""
    return {"linkId": link, "type": kind, "text": link, "code": [{"system": "http://loinc.org", "code": code}]} | more


def extracts(value: Any) -> list[dict[str, Any]]:
    """The extension that asks for Observations."""
    return [
        {"url": OBSERVED, "valueBoolean": value} if isinstance(value, bool) else {"url": OBSERVED, "valueCode": value}
    ]


MILLIMETRES = {
    "url": "http://hl7.org/fhir/StructureDefinition/questionnaire-unit",
    "valueCoding": {"system": "http://unitsofmeasure.org", "code": "mm[Hg]", "display": "mmHg"},
}


def defined(link: str, kind: str, path: str, **more: Any) -> dict[str, Any]:
    """An item that fills an element of a RelatedPerson."""
    return {"linkId": link, "type": kind, "definition": f"{CORE}RelatedPerson#RelatedPerson.{path}"} | more


VITALS: dict[str, Any] = {
    "resourceType": "Questionnaire",
    "id": "vitals",
    "url": "http://example.org/Questionnaire/vitals",
    "status": "active",
    "item": [
        coded("bp", "group", "85354-9", extension=extracts(True))
        | {
            "item": [
                coded("sys", "decimal", "8480-6", extension=[*extracts("component"), MILLIMETRES]),
                coded("dia", "decimal", "8462-4", extension=extracts("component")),
            ]
        },
        coded("mood", "choice", "44250-9", extension=extracts(True)),
        coded("left-out", "string", "1-8"),
        {
            "linkId": "person",
            "type": "group",
            "extension": [{"url": f"{SDC}itemExtractionContext", "valueCode": "RelatedPerson"}],
            "item": [
                defined("name", "group", "name", item=[defined("family", "string", "name.family")]),
                defined("born", "date", "birthDate"),
                defined("bond", "choice", "relationship"),
                defined("odd", "string", "colour"),
            ],
        },
    ],
}
ANSWERED: dict[str, Any] = {
    "resourceType": "QuestionnaireResponse",
    "id": "a",
    "questionnaire": "http://example.org/Questionnaire/vitals",
    "status": "completed",
    "subject": {"reference": "Patient/p"},
    "authored": "2026-11-22T09:00:00+08:00",
    "item": [
        {
            "linkId": "bp",
            "item": [
                {"linkId": "sys", "answer": [{"valueDecimal": Decimal(130)}]},
                {"linkId": "dia", "answer": [{"valueDecimal": Decimal(80)}]},
            ],
        },
        {"linkId": "mood", "answer": [{"valueCoding": {"system": "http://loinc.org", "code": "LA6568-5"}}]},
        {"linkId": "left-out", "answer": [{"valueString": "x"}]},
        {
            "linkId": "person",
            "item": [
                {"linkId": "name", "item": [{"linkId": "family", "answer": [{"valueString": "赵"}]}]},
                {"linkId": "born", "answer": [{"valueDate": "1990-01-01"}]},
                {"linkId": "bond", "answer": [{"valueCoding": {"code": "WIFE"}}]},
                {"linkId": "odd", "answer": [{"valueString": "red"}]},
            ],
        },
    ],
}


async def extracted(made: County, body: dict[str, Any] | None, name: str | None = None) -> dict[str, Any]:
    """What $extract answers."""
    asking = Interaction(
        "operation", "QuestionnaireResponse", name, operation="$extract", body=body, http_method="POST"
    )
    answer = await made.opened.perform(asking)
    assert isinstance(answer.body, dict)
    return answer.body


def test_extraction_on_request(tmp_path: Path) -> None:
    """A Bundle that can be sent; what has no place is said; a form that says nothing is refused."""

    async def go() -> None:
        async with county(tmp_path) as made:
            await made.put(VITALS)
            told = await extracted(made, ANSWERED)
            assert [one["name"] for one in told["parameter"]] == ["return", "issues"]
            assert "colour" in told["parameter"][1]["resource"]["issue"][0]["diagnostics"]
            bundle = told["parameter"][0]["resource"]
            pressure, mood, person = (one["resource"] for one in bundle["entry"])
            assert [one["valueQuantity"]["value"] for one in pressure["component"]] == [130, 80]
            assert pressure["component"][0]["valueQuantity"]["code"] == "mm[Hg]"
            assert mood["valueCodeableConcept"]["coding"][0]["code"] == "LA6568-5"
            assert mood["derivedFrom"] == [{"reference": "QuestionnaireResponse/a"}]
            assert person == {
                "resourceType": "RelatedPerson",
                "name": [{"family": "赵"}],
                "birthDate": "1990-01-01",
                "relationship": [{"coding": [{"code": "WIFE"}]}],
            }
            await made.put(ANSWERED)
            again = await extracted(made, None, "a")
            assert len(again["parameter"][0]["resource"]["entry"]) == 3
            assert await made.search("Observation") == []
            ours = await extracted(made, response("hypertension-follow-up", hypertension("150/95")))
            kinds = [one["resource"]["resourceType"] for one in ours["entry"]]
            assert kinds[:2] == ["Encounter", "Observation"]
            plain = {"id": "plain", "url": "http://example.org/Questionnaire/plain", "item": [VITALS["item"][2]]}
            await made.put({**VITALS, **plain})
            for url in ("http://example.org/Questionnaire/plain", "http://example.org/Questionnaire/none"):
                with pytest.raises(FhirError) as caught:
                    await extracted(made, {**ANSWERED, "questionnaire": url})
                assert caught.value.status == 422

    asyncio.run(go())
