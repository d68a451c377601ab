"""_summary and _elements show the parts R4 names, tagged SUBSETTED, and leave the resource itself alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from countyfhir.model import summary

TAGGED = {"tag": [summary.SUBSETTED]}

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "1",
    "meta": {"versionId": "3", "tag": [{"system": "urn:t", "code": "a"}]},
    "text": {"status": "generated", "div": "<div/>"},
    "contained": [
        {"resourceType": "Organization", "id": "o", "partOf": {"reference": "#p"}},
        {"resourceType": "Organization", "id": "p"},
        {"resourceType": "Practitioner", "id": "q"},
    ],
    "extension": [{"url": "urn:e", "valueCode": "x"}],
    "modifierExtension": [{"url": "urn:m", "valueCode": "x"}],
    "active": True,
    "name": [{"family": "Zhang", "_family": {"id": "f"}, "extension": [{"url": "urn:e", "valueCode": "y"}]}],
    "birthDate": "1950",
    "_birthDate": {"id": "b"},
    "deceasedBoolean": False,
    "maritalStatus": {"text": "m"},
    "photo": [{"data": "QUJD"}],
    "contact": [{"gender": "male"}],
    "generalPractitioner": [{"reference": "#q"}],
    "managingOrganization": {"reference": "#o"},
    "link": [{"other": {"reference": "Patient/2"}, "type": "seealso", "id": "l"}],
}


@pytest.fixture(autouse=True)
def _untouched() -> Any:
    """No function changes its input."""
    kept = copy.deepcopy(PATIENT)
    yield
    assert kept == PATIENT


def keys(resource: dict[str, Any]) -> list[str]:
    """The keys after resourceType, id and meta, which always come first."""
    assert list(resource)[:3] == ["resourceType", "id", "meta"]
    return list(resource)[3:]


def test_true_shows_summary_elements_at_every_depth() -> None:
    """Only elements marked so are left, with their siblings and the contained resources they refer to."""
    part = summary.summarised(PATIENT, "true")
    assert keys(part) == [
        "contained",
        "modifierExtension",
        "active",
        "name",
        "birthDate",
        "_birthDate",
        "deceasedBoolean",
        "managingOrganization",
        "link",
    ]
    assert part["name"] == [{"family": "Zhang", "_family": {"id": "f"}}]
    assert [one["id"] for one in part["contained"]] == ["o", "p"]
    assert part["modifierExtension"] == PATIENT["modifierExtension"]
    assert part["link"] == PATIENT["link"]
    assert part["meta"] == {"versionId": "3", "tag": [{"system": "urn:t", "code": "a"}, summary.SUBSETTED]}


def test_true_keeps_mandatory_elements_and_drops_what_is_emptied() -> None:
    """Mandatory elements stay even where they are no summary elements; an object without any summary element goes."""
    questionnaire = {
        "resourceType": "Questionnaire",
        "id": "1",
        "status": "draft",
        "item": [{"linkId": "1", "type": "group"}],
    }
    assert keys(summary.summarised(questionnaire, "true")) == ["status"]
    document = {
        "resourceType": "DocumentReference",
        "id": "1",
        "status": "current",
        "content": [{"attachment": {"data": "QUJD", "title": "x"}}],
    }
    assert summary.summarised(document, "true")["content"] == [{"attachment": {"title": "x"}}]


def test_text_shows_narrative_and_mandatory_elements() -> None:
    """Text, id, meta, mandatory elements and what modifies the meaning are left."""
    assert keys(summary.summarised(PATIENT, "text")) == ["text", "modifierExtension"]
    observation = {
        "resourceType": "Observation",
        "id": "1",
        "text": {"status": "empty"},
        "status": "final",
        "code": {"text": "c"},
        "valueString": "x",
    }
    assert keys(summary.summarised(observation, "text")) == ["text", "status", "code"]


def test_data_leaves_the_narrative_out() -> None:
    """All but text is shown, and tagged."""
    part = summary.summarised(PATIENT, "data")
    assert keys(part) == [key for key in PATIENT if key not in ("resourceType", "id", "meta", "text")]


@pytest.mark.parametrize("kind", ["false", "count"])
def test_whole_resource(kind: str) -> None:
    """false and count show each resource as it is, untagged."""
    assert summary.summarised(PATIENT, kind) is PATIENT


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["name", "birthDate"], ["modifierExtension", "name", "birthDate", "_birthDate"]),
        (["Patient.name", "Observation.status"], ["modifierExtension", "name"]),
        (["Observation.name"], ["modifierExtension"]),
        (["deceased"], ["modifierExtension", "deceasedBoolean"]),
        (["name.family", "nonsense"], ["modifierExtension", "name"]),
        (["generalPractitioner"], ["contained", "modifierExtension", "generalPractitioner"]),
        (["Resource.id"], ["modifierExtension"]),
    ],
)
def test_elements(names: list[str], shown: list[str]) -> None:
    """The named elements of this type, with siblings and referenced contained resources; always the modifiers."""
    assert keys(summary.with_elements(PATIENT, names)) == shown


def test_elements_keeps_mandatory_ones() -> None:
    """Elements that must be there are there though not asked for; a choice is named by its short name."""
    observation = {
        "resourceType": "Observation",
        "id": "1",
        "status": "final",
        "code": {"text": "c"},
        "valueString": "x",
        "issued": "2020-01-01T00:00:00Z",
    }
    assert summary.with_elements(observation, ["value"]) == {
        "resourceType": "Observation",
        "id": "1",
        "meta": TAGGED,
        "status": "final",
        "code": {"text": "c"},
        "valueString": "x",
    }


def test_tag_is_set_once() -> None:
    """A resource that is tagged already gets no second tag."""
    once = summary.summarised(PATIENT, "data")
    assert summary.summarised(once, "data")["meta"] == once["meta"]
