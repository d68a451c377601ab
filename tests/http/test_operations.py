"""$meta, $meta-add, $meta-delete, $everything, $purge over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

TAG = {"system": "http://example.org/tags", "code": "vip"}


def parameters(meta: dict[str, Any]) -> dict[str, Any]:
    """The body of $meta-add and $meta-delete."""
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}


def test_meta_add_and_delete_make_versions_only_when_they_change_something(
    client: TestClient, patient: dict[str, Any]
) -> None:
    """Adding a tag twice is one version; deleting it another; $meta shows what is there."""
    place = f"Patient/{patient['id']}"
    added = client.post(f"{place}/$meta-add", json=parameters({"tag": [TAG]}))
    assert added.json()["parameter"][0]["valueMeta"]["tag"] == [TAG]
    client.post(f"{place}/$meta-add", json=parameters({"tag": [TAG]}))
    shown = client.get(f"{place}/$meta").json()["parameter"][0]["valueMeta"]
    assert (shown["versionId"], shown["tag"]) == ("2", [TAG])
    client.post(f"{place}/$meta-delete", json=parameters({"tag": [TAG]}))
    assert "tag" not in client.get(f"{place}/$meta").json()["parameter"][0]["valueMeta"]
    assert client.get(f"{place}/_history/2/$meta").json()["parameter"][0]["valueMeta"]["tag"] == [TAG]
    assert client.get(f"{place}/$meta-add").status_code == 405
    assert client.post(f"{place}/$meta-add", json={"resourceType": "Parameters"}).status_code == 400


def county(client: TestClient) -> dict[str, str]:
    """A patient with an encounter, observations and a practitioner; another patient beside."""
    ids = {}
    for name in ("one", "two"):
        ids[name] = client.post("Patient", json={"resourceType": "Patient"}).json()["id"]
    ids["doctor"] = client.post("Practitioner", json={"resourceType": "Practitioner"}).json()["id"]
    visit = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/{ids['one']}"},
    }
    ids["visit"] = client.post("Encounter", json=visit).json()["id"]
    for name, more in (("one", {"encounter": {"reference": f"Encounter/{ids['visit']}"}}), ("one", {}), ("two", {})):
        seen = {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "x"},
            "subject": {"reference": f"Patient/{ids[name]}"},
            "performer": [{"reference": f"Practitioner/{ids['doctor']}"}],
            **more,
        }
        client.post("Observation", json=seen)
    return ids


def listed(bundle: dict[str, Any]) -> list[str]:
    """Type/id of the entries."""
    return [f"{row['resource']['resourceType']}/{row['resource']['id']}" for row in bundle.get("entry", [])]


def test_everything_gives_the_record_of_one_patient_and_of_no_other(client: TestClient) -> None:
    """The compartment, and the practitioner it points to; in pages nothing is lost or repeated."""
    ids = county(client)
    place = f"Patient/{ids['one']}/$everything"
    whole = listed(client.get(place).json())
    assert len(whole) == len(set(whole))
    assert {f"Patient/{ids['one']}", f"Encounter/{ids['visit']}", f"Practitioner/{ids['doctor']}"} <= set(whole)
    assert sum(one.startswith("Observation/") for one in whole) == 2
    assert f"Patient/{ids['two']}" not in whole
    page = client.get(f"{place}?_count=1").json()
    paged = listed(page)
    while (after := next((link["url"] for link in page["link"] if link["relation"] == "next"), None)) is not None:
        page = client.get(after).json()
        paged += [one for one in listed(page) if not one.startswith("Practitioner/")]
    matches = [one for one in paged if not one.startswith("Practitioner/")]
    assert sorted(matches) == sorted(one for one in whole if not one.startswith("Practitioner/"))


def test_everything_by_type_and_since(client: TestClient) -> None:
    """``_type`` chooses, ``_since`` leaves out what is older, an Encounter has its own record."""
    ids = county(client)
    place = f"Patient/{ids['one']}/$everything"
    assert {one.split("/")[0] for one in listed(client.get(f"{place}?_type=Observation").json())} == {"Observation"}
    assert listed(client.get(f"{place}?_since=2999-01-01").json()) == []
    visit = listed(client.get(f"Encounter/{ids['visit']}/$everything").json())
    assert sum(one.startswith("Observation/") for one in visit) == 1
    assert client.get(f"{place}?_type=Nothing").status_code == 400
    assert client.get(f"{place}?foo=1").status_code == 400
    assert client.get("Patient/none/$everything").status_code == 404


def test_purge_removes_old_versions(client: TestClient, patient: dict[str, Any]) -> None:
    """Only the current version is left."""
    place = f"Patient/{patient['id']}"
    client.put(place, json={**patient, "gender": "male"})
    assert client.post(f"{place}/$purge").status_code == 200
    assert client.get(f"{place}/_history/1").status_code == 404
    assert client.get(place).json()["gender"] == "male"
    assert client.get(f"{place}/_history").json()["total"] == 1


@pytest.mark.parametrize("name", ["$meta-add", "$everything"])
@pytest.mark.parametrize(
    "body", [{"resourceType": "Patient"}, {"resourceType": "Parameters", "parameter": "x"}, {"resourceType": "Bundle"}]
)
def test_only_sound_parameters_are_taken(
    client: TestClient, patient: dict[str, Any], name: str, body: dict[str, Any]
) -> None:
    """The body of an operation is checked like any resource."""
    refused = client.post(f"Patient/{patient['id']}/{name}", json=body)
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["expression"] == [
        "Parameters.parameter" if body["resourceType"] == "Parameters" else "Parameters"
    ]


def test_meta_on_a_type_and_the_server_lists_what_is_in_use(client: TestClient, patient: dict[str, Any]) -> None:
    """Profiles, labels and tags of all resources, each once; none of other types."""
    mine = {"profile": ["http://example.org/p|1"], "tag": [{"system": "http://example.org/tags", "code": "listed"}]}
    for place in (f"Patient/{patient['id']}", "Basic/listed"):
        client.put("Basic/listed", json={"resourceType": "Basic", "id": "listed", "code": {"text": "x"}})
        client.post(f"{place}/$meta-add", json=parameters(mine))
    for place in ("Patient/$meta", "Basic/$meta", "$meta"):
        shown = client.get(place).json()["parameter"][0]["valueMeta"]
        assert shown["profile"] == mine["profile"]
        assert shown["tag"].count(mine["tag"][0]) == 1
    assert client.get("Slot/$meta").json() == {"resourceType": "Parameters"}


def test_everything_on_the_type_is_that_of_every_patient(client: TestClient) -> None:
    """All compartments, in pages; what is in no patient's compartment comes along only where it is pointed to."""
    ids = county(client)
    client.post("Practitioner", json={"resourceType": "Practitioner", "id": "nobodys"})
    page = client.get("Patient/$everything?_count=3").json()
    found = listed(page)
    while (after := next((link["url"] for link in page["link"] if link["relation"] == "next"), None)) is not None:
        page = client.get(after).json()
        found += listed(page)
    matches = [one for one in found if not one.startswith("Practitioner/")]
    assert len(matches) == len(set(matches))
    assert {f"Patient/{ids['one']}", f"Patient/{ids['two']}", f"Encounter/{ids['visit']}"} <= set(matches)
    practitioners = client.get("Practitioner").json()["entry"]
    assert len({one for one in found if one.startswith("Practitioner/")}) < len(practitioners)
    assert client.get("Encounter/$everything").status_code == 404
