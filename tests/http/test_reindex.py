"""$reindex and $reindex-status over HTTP."""

from __future__ import annotations

import time

from starlette.testclient import TestClient


def parts(resource: dict[str, object]) -> dict[str, object]:
    """Parameters by name."""
    listed = resource["parameter"]
    assert isinstance(listed, list)
    return {one["name"]: next(value for name, value in one.items() if name != "name") for one in listed}


def test_a_call_waits_and_tells_what_was_done(client: TestClient) -> None:
    """Of the whole server, of a type in the path, and of types that are named; entries are right already."""
    client.post("Patient", json={"resourceType": "Patient", "name": [{"family": "赵"}]})
    client.post("Organization", json={"resourceType": "Organization", "name": "卫生院"})
    done = parts(client.post("Patient/$reindex").json())
    assert (done["state"], done["type"], done["checked"], done["changed"]) == ("finished", "Patient", 1, 0)
    body = {"resourceType": "Parameters", "parameter": [{"name": "type", "valueCode": "Organization"}]}
    assert parts(client.post("$reindex", json=body).json())["checked"] == 1
    everything = parts(client.post("$reindex").json())
    assert everything["checked"] == everything["total"] == 2


def test_an_asynchronous_call_names_its_status(client: TestClient) -> None:
    """202 with Content-Location; there 202 until it is done, then 200 with the result."""
    answer = client.post("$reindex", headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    assert answer.json()["issue"][0]["severity"] == "information"
    place = answer.headers["content-location"]
    for _ in range(200):
        status = client.get(place)
        if status.status_code != 202:
            break
        assert "resources" in status.headers["x-progress"]
        time.sleep(0.05)
    assert status.status_code == 200
    assert parts(status.json())["state"] == "finished"
    assert "parameter" not in client.get("$reindex-status").json()


def test_what_is_wrong_is_refused(client: TestClient) -> None:
    """GET, unknown types and parameters, unknown jobs."""
    assert client.get("$reindex").status_code == 405
    assert client.post("$reindex?type=Patients").status_code == 400
    assert client.post("$reindex?resource=Patient").status_code == 400
    assert client.post("Patient/$reindex?type=Patient").status_code == 400
    assert client.get("$reindex-status?job=none").status_code == 404
    assert client.get("$reindex-status?name=none").status_code == 400
