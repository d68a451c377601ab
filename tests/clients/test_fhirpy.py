"""fhirpy, as it comes from PyPI, does its whole round against the server."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of libraries that it imports
    from fhirpy import SyncFHIRClient
    from fhirpy.base.exceptions import AuthorizationError, OperationOutcome, ResourceNotFound

from tests.clients.conftest import Endpoint


@pytest.fixture
def client(endpoint: Endpoint) -> Any:
    """A fhirpy client with the key."""
    return SyncFHIRClient(endpoint.base, authorization=f"Bearer {endpoint.key}")


@pytest.fixture
def patient(client: Any) -> Any:
    """A Patient that fhirpy created."""
    made = client.resource(
        "Patient",
        name=[{"family": "欧阳", "given": ["明"]}],
        birthDate="1956-03-08",
        identifier=[{"system": "urn:test:fhirpy", "value": "1"}],
    )
    made.save()
    return made


def test_create_and_read(client: Any, patient: Any) -> None:
    """What was saved has an id, and is read back the same."""
    read = client.reference("Patient", patient.id).to_resource()
    assert patient.id
    assert read.serialize() == patient.serialize()
    assert read["name"][0]["family"] == "欧阳"


def test_update(client: Any, patient: Any) -> None:
    """A second save makes version 2."""
    patient["active"] = True
    patient.save()
    read = client.get("Patient", patient.id)
    assert (read["active"], read["meta"]["versionId"]) == (True, "2")


def test_patch_is_a_merge_patch(client: Any, patient: Any) -> None:
    """fhirpy sends an object as application/json: named elements change, null removes, the others stay."""
    patient.patch(gender="female", birthDate=None)
    read = client.get("Patient", patient.id)
    assert read["gender"] == "female"
    assert "birthDate" not in read
    assert read["name"] == [{"family": "欧阳", "given": ["明"]}]


def test_search(client: Any, patient: Any) -> None:
    """By string, token, date, reference and include, with paging through everything."""
    visit = client.resource(
        "Encounter", status="finished", subject=patient.to_reference(), **{"class": {"code": "AMB"}}
    )
    visit.save()
    found = client.resources("Patient").search(_id=patient.id, family="欧阳", birthdate__ge="1956").fetch()
    assert [one.id for one in found] == [patient.id]
    visits = client.resources("Encounter").search(subject=patient).include("Encounter", "subject")
    kinds = [entry["resource"]["resourceType"] for entry in visits.fetch_raw()["entry"]]
    assert kinds == ["Encounter", "Patient"]
    assert client.resources("Patient").search(identifier="urn:test:fhirpy|1").first() is not None


def test_paging_counting_and_elements(client: Any) -> None:
    """``fetch_all`` follows the server's links to the end. ``count`` sends a parameter that is not FHIR's
    (``_totalMethod``), ``elements`` a name that is no element (``resourceType``): both are known here."""
    for number in range(7):
        client.resource("Location", name=f"诊室 {number}", status="active").save()
    rooms = client.resources("Location").search(name="诊室").sort("name")
    assert [room["name"] for room in rooms.limit(3).fetch_all()] == [f"诊室 {number}" for number in range(7)]
    assert client.resources("Location").search(name="诊室").count() == 7
    assert client.resources("Location").sort("name").elements("name").first().keys() >= {"id", "name", "meta"}


def test_conditional_update(client: Any) -> None:
    """A save under criteria creates when nothing is found, and updates what is found."""
    numbered = [{"system": "urn:o", "value": "1"}]
    criteria = client.resources("Organization").search(identifier="urn:o|1")
    first, created = criteria.update(client.resource("Organization", name="青禾县人民医院", identifier=numbered))
    changed, created_again = criteria.update(client.resource("Organization", name="青禾县医院", identifier=numbered))
    assert (created, created_again) == (True, False)
    assert (changed.id, changed["name"]) == (first.id, "青禾县医院")


def test_transaction(client: Any) -> None:
    """References between entries come out as references to what was created."""
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:6b2b1a2e-6c4b-4c4e-9d0a-0d7a6f6f0001",
                "resource": {"resourceType": "Patient", "name": [{"family": "王"}]},
                "request": {"method": "POST", "url": "Patient"},
            },
            {
                "resource": {
                    "resourceType": "Observation",
                    "status": "final",
                    "code": {"text": "weight"},
                    "subject": {"reference": "urn:uuid:6b2b1a2e-6c4b-4c4e-9d0a-0d7a6f6f0001"},
                },
                "request": {"method": "POST", "url": "Observation"},
            },
        ],
    }
    answer = client.execute("", data=bundle)
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201", "201"]
    places = [entry["response"]["location"].split("/_history/")[0] for entry in answer["entry"]]
    patient, observation = ("/".join(place.split("/")[-2:]) for place in places)
    assert client.get(observation)["subject"]["reference"] == patient


def test_history(client: Any, patient: Any) -> None:
    """All versions, newest first; an old one can be read."""
    patient["active"] = False
    patient.save()
    bundle = client.execute(f"Patient/{patient.id}/_history", method="get")
    assert [entry["resource"]["meta"]["versionId"] for entry in bundle["entry"]] == ["2", "1"]
    assert "active" not in client.execute(f"Patient/{patient.id}/_history/1", method="get")


def test_delete(client: Any, patient: Any) -> None:
    """What is deleted is gone."""
    patient.delete()
    with pytest.raises(ResourceNotFound, match="was deleted"):
        client.get("Patient", patient.id)


def test_errors_reach_the_caller(client: Any, endpoint: Endpoint) -> None:
    """An OperationOutcome becomes fhirpy's exception, a missing key its AuthorizationError."""
    with pytest.raises(OperationOutcome, match="birthDate"):
        client.resource("Patient", birthDate="not a date").save()
    with pytest.raises(AuthorizationError):
        SyncFHIRClient(endpoint.base).resources("Patient").fetch()
