"""SearchParameter resources of the county: refused when wrong, searched when their reindex is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from countyfhir.app import open_world
from countyfhir.settings import load
from tests.http.conftest import running
from tests.stores import store_at

URL = "https://fhir.county-hc.example/SearchParameter/"
Serve = Callable[..., TestClient]


def parameter(code: str = "native-place", **other: Any) -> dict[str, Any]:
    """An active SearchParameter on a Patient's extension."""
    return {
        "resourceType": "SearchParameter",
        "id": code,
        "url": URL + code,
        "name": code.title().replace("-", ""),
        "status": "active",
        "description": "籍贯 native place",
        "code": code,
        "base": ["Patient"],
        "type": "string",
        "expression": f"Patient.extension.where(url='{URL}place').value",
    } | other


def patient(place: str) -> dict[str, Any]:
    """A Patient from there."""
    return {"resourceType": "Patient", "extension": [{"url": URL + "place", "valueString": place}]}


def put(client: TestClient, resource: dict[str, Any]) -> int:
    """The status of writing it under its id."""
    return client.put(f"{resource['resourceType']}/{resource['id']}", json=resource).status_code


def found(client: TestClient, query: str) -> list[str]:
    """The ids that a search finds, once it is ready."""
    for _ in range(100):
        answer = client.get(query)
        if answer.status_code != 409:
            break
        time.sleep(0.05)
    assert answer.status_code == 200, answer.text
    return [row["resource"]["id"] for row in answer.json().get("entry", []) if row["search"]["mode"] == "match"]


def stated(client: TestClient) -> set[str]:
    """The search parameters of Patient in the CapabilityStatement."""
    rest = client.get("metadata").json()["rest"][0]
    patients = next(one for one in rest["resource"] if one["type"] == "Patient")
    return {one["name"] for one in patients["searchParam"]}


def test_a_parameter_finds_what_was_there_before_and_after_it(client: TestClient) -> None:
    """It is created, reindexed, searched, sorted by, stated; after it is retired it is unknown and leaves nothing."""
    before = client.post("Patient", json=patient("湖南长沙")).json()["id"]
    assert client.get("Patient?native-place=湖南").status_code == 400
    assert put(client, parameter()) == 201
    after = client.post("Patient", json=patient("湖南株洲")).json()["id"]
    assert set(found(client, "Patient?native-place=湖南")) == {before, after}
    assert found(client, "Patient?native-place:exact=湖南长沙&_sort=-native-place") == [before]
    assert "native-place" in stated(client)
    assert put(client, parameter(status="retired")) == 200
    answer = client.get("Patient?native-place=湖南")
    assert answer.status_code == 400
    assert "no search parameter" in answer.json()["issue"][0]["diagnostics"]
    assert "native-place" not in stated(client)


def test_a_changed_expression_is_reindexed(client: TestClient) -> None:
    """What the former expression found is no longer found; a change that means nothing to search starts no job."""
    made = client.post("Patient", json=patient("四川") | {"name": [{"text": "旧名"}]}).json()["id"]
    assert put(client, parameter("moved")) == 201
    assert found(client, "Patient?moved=四川") == [made]
    assert put(client, parameter("moved", expression="Patient.name.text")) == 200
    assert found(client, "Patient?moved=四川") == []
    assert found(client, "Patient?moved=旧名") == [made]
    assert put(client, parameter("moved", expression="Patient.name.text", description="Another word.")) == 200
    assert client.get("Patient?moved=旧名").status_code == 200
    assert client.delete("SearchParameter/moved").status_code == 204
    assert client.get("Patient?moved=旧名").status_code == 400


def test_every_search_type_can_be_defined(client: TestClient) -> None:
    """token, date, reference (with include), quantity, number, uri, composite, and expressions beyond plain paths."""
    organization = client.post("Organization", json={"resourceType": "Organization", "name": "卫生院"}).json()["id"]
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "urn:c", "code": "bp"}]},
        "note": [{"authorReference": {"reference": f"Organization/{organization}"}, "time": "2026-01-02", "text": "x"}],
        "referenceRange": [{"low": {"value": 5.4, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}}],
    }
    made = client.post("Observation", json=resource).json()["id"]
    on = {"base": ["Observation"]}
    defined = [
        parameter("coded", type="token", expression="Observation.referenceRange.exists()", **on),
        parameter("noted", type="date", expression="Observation.note.time", **on),
        parameter("noter", type="reference", expression="Observation.note.author", target=["Organization"], **on),
        parameter("floor", type="quantity", expression="Observation.referenceRange.low", **on),
        parameter("notes", type="number", expression="Observation.note.count()", **on),
        parameter(
            "coded-noted",
            type="composite",
            expression="Observation",
            component=[
                {"definition": "http://hl7.org/fhir/SearchParameter/clinical-code", "expression": "code"},
                {"definition": URL + "noted", "expression": "note.time"},
            ],
            **on,
        ),
    ]
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": one, "request": {"method": "PUT", "url": f"SearchParameter/{one['id']}"}} for one in defined
        ],
    }
    answer = client.post("", json=bundle)
    assert answer.status_code == 200, answer.text
    for query in ("coded=true", "noted=ge2026", f"noter={organization}", "floor=0.0054|http://unitsofmeasure.org|g"):
        assert found(client, f"Observation?{query}") == [made], query
    assert found(client, "Observation?notes=1") == [made]
    assert found(client, "Observation?coded-noted=bp$2026-01-02") == [made]
    assert found(client, "Observation?noter:Organization.name=卫生院") == [made]
    page = client.get("Observation?noted=2026&_include=Observation:noter").json()
    assert [row["search"]["mode"] for row in page["entry"]] == ["match", "include"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"expression": "Patient.name.("}, "cannot be used on Patient"),
        ({"expression": "Patient.nickname"}, "an element that R4 does not have"),
        ({"expression": "Observation.code"}, "starts at Observation"),
        ({"type": "date", "expression": "Patient.name"}, "leads to HumanName"),
        ({"type": "special"}, "cannot be added"),
        ({"code": "name"}, "has a search parameter name already"),
        ({"code": "a:b"}, "a letter, then letters"),
        ({"url": "http://hl7.org/fhir/SearchParameter/Patient-active"}, "belongs to a search parameter of FHIR R4"),
    ],
)
def test_what_cannot_work_is_refused_when_written(client: TestClient, wrong: dict[str, Any], said: str) -> None:
    """422 with one sentence and the place; nothing is stored. A draft may be wrong."""
    answer = client.put("SearchParameter/wrong", json=parameter("wrong") | wrong)
    assert answer.status_code == 422, answer.text
    assert said in answer.json()["issue"][0]["diagnostics"]
    assert answer.json()["issue"][0]["expression"][0].startswith("SearchParameter.")
    assert client.get("SearchParameter/wrong").status_code == 404
    draft = parameter("wrong") | wrong | {"status": "draft"}
    assert client.post("SearchParameter", json=draft).status_code == 201


def test_one_code_and_one_url_are_one_parameter(client: TestClient) -> None:
    """A second active SearchParameter under a code or url that is taken is refused with 422."""
    assert put(client, parameter("once")) == 201
    assert put(client, parameter("once") | {"id": "twice", "url": URL + "twice"}) == 422
    assert put(client, parameter("once") | {"id": "twice", "code": "twice"}) == 422
    assert put(client, parameter("once") | {"id": "twice", "code": "twice", "url": URL + "twice"}) == 201


def test_parameters_and_their_readiness_survive_a_restart(serve: Serve, tmp_path: Path) -> None:
    """Another process knows them at once and has nothing to wait for."""
    store = store_at(tmp_path / "again.sqlite")
    with running(store=store) as client:
        made = client.post("Patient", json=patient("河南")).json()["id"]
        assert put(client, parameter()) == 201
        assert found(client, "Patient?native-place=河南") == [made]
    with running(store=store) as client:
        answer = client.get("Patient?native-place=河南")
        assert [row["resource"]["id"] for row in answer.json()["entry"]] == [made]


def test_a_worker_with_an_older_table_reloads_before_it_writes(serve: Serve, tmp_path: Path) -> None:
    """Two servers on one store: what either writes after the change is found by the new parameter on both."""
    store = store_at(tmp_path / "both.sqlite")
    with running(store=store) as one, running(store=store) as other:
        assert put(one, parameter()) == 201
        made = {each.post("Patient", json=patient("江西")).json()["id"] for each in (other, one)}
        assert set(found(one, "Patient?native-place=江西")) == made
        assert set(found(other, "Patient?native-place=江西")) == made


def silent_worker(store: str, lease_until: int) -> None:
    """Another process on the store that acknowledged nothing yet, and is held to be alive until the instant."""

    async def sign() -> None:
        async with open_world(load({"store": store})) as opened:
            jobs = opened.store.jobs
            if await jobs.add("worker-silent", "worker", {"definitions": 0}):
                await jobs.lease("worker", "silent", lease_until)
            assert await jobs.report("worker-silent", "silent", lease_until, {"definitions": 0})

    asyncio.run(sign())


def test_a_parameter_that_is_not_ready_says_so(tmp_path: Path) -> None:
    """409 with the job, for searches, chains, sorts and includes, also when lenient; it is not in the
    CapabilityStatement. A worker that has not acknowledged holds the job up until its lease runs out."""
    store = store_at(tmp_path / "held.sqlite")
    silent_worker(store, 2**60)
    with running(store=store) as client:
        reference = {"type": "reference", "expression": "Patient.link.other", "target": ["Patient"]}
        assert put(client, parameter()) == 201
        assert put(client, parameter("linked", **reference)) == 201
        for query in (
            "native-place=湖南",
            "_sort=native-place",
            "link:Patient.native-place=湖南",
            "_has:Patient:linked:name=x",
            "_include=Patient:linked",
        ):
            answer = client.get(f"Patient?{query}", headers={"Prefer": "handling=lenient"})
            assert answer.status_code == 409, query
            assert answer.json()["issue"][0]["code"] == "incomplete"
            assert "reindex-definitions-2" in answer.json()["issue"][0]["diagnostics"]
        assert "native-place" not in stated(client)
        silent_worker(store, 1)
        assert found(client, "Patient?native-place=湖南") == []
        assert "native-place" in stated(client)
