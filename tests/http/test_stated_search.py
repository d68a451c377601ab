"""The CapabilityStatement lists the search parameters, includes and modifiers that work, and nothing else."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from countyfhir.search.named_queries import NAMED

VALUES = {"token": "x", "string": "x", "reference": "1", "date": "2024", "number": "1", "quantity": "1", "uri": "urn:x"}
SPECIAL = {"near": "1|2|3|km", "_list": "1", "_filter": "_id eq x", "_text": "x", "_content": "x", "_id": "x"}
GENDERS = "http://hl7.org/fhir/ValueSet/administrative-gender"
CONCEPT = "http://terminology.hl7.org/CodeSystem/v3-ActCode|AMB"
OF_MODIFIER = {"missing": "true", "of-type": "s|c|v", "in": GENDERS, "not-in": GENDERS}
TYPES = (
    "Patient",
    "Observation",
    "Encounter",
    "MedicationRequest",
    "Location",
    "QuestionnaireResponse",
    "Questionnaire",
    "AuditEvent",
)


@pytest.mark.parametrize("kind", TYPES)
def test_what_is_stated_works(client: TestClient, kind: str) -> None:
    """Each parameter alone and with each of its modifiers, and each include, is answered."""
    stated = next(one for one in client.get("metadata").json()["rest"][0]["resource"] if one["type"] == kind)
    asked = []
    for parameter in stated["searchParam"]:
        name, search_type = parameter["name"], parameter["type"]
        if search_type == "composite":
            continue
        value = next(iter(NAMED[kind])) if name == "_query" else SPECIAL.get(name) or VALUES[search_type]
        asked.append((name, value))
        for modifier in re.findall(r":([\w-]+|\[type\])", parameter.get("documentation", "")):
            concept = search_type == "token" and modifier in ("above", "below")
            text = CONCEPT if concept else OF_MODIFIER.get(modifier, value)
            if modifier != "[type]":
                asked.append((f"{name}:{modifier}", text))
    asked += [("_include", each) for each in stated.get("searchInclude", ())]
    asked += [("_revinclude", each) for each in stated.get("searchRevInclude", ())[:20]]
    for pair in asked:
        answer = client.get(kind, params=[pair, ("_count", "1")])
        assert answer.status_code == 200, (pair, answer.text)


def test_what_is_not_stated_is_refused(client: TestClient) -> None:
    """An unknown parameter or modifier is a 400 that lists what there is."""
    for asked in ("Patient?nothing=1", "Patient?_query=x", "Patient?_score=1", "Patient?gender:of-type=a|b|c"):
        assert client.get(asked).status_code == 400
