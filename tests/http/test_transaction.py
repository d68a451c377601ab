"""batch and transaction (R4 section 3.1.0.11)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.http.bundles import SYSTEM, bundle, entry, issue, located, observation, patient, statuses


def test_urn_references_are_resolved_everywhere(client: TestClient) -> None:
    """References, uri-typed elements, extensions, contained, Provenance targets and narrative links; circles
    included."""
    urn, other = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a", "urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059"
    resource = patient(
        "urn-1",
        text={"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{other}">o</a></div>'},
        extension=[
            {"url": "http://example.org/x", "valueUri": other},
            {"url": "http://example.org/r", "valueReference": {"reference": "#r"}},
        ],
        contained=[{"resourceType": "RelatedPerson", "id": "r", "patient": {"reference": urn}}],
        link=[{"other": {"reference": urn}, "type": "refer"}],
    )
    provenance = {
        "resourceType": "Provenance",
        "target": [{"reference": urn}, {"reference": other}],
        "recorded": "2026-01-01T00:00:00Z",
        "agent": [{"who": {"reference": urn}}],
    }
    answer = client.post(
        "",
        json=bundle(
            entry("POST", "Provenance", provenance),
            entry("POST", "Observation", observation(urn), other),
            entry("POST", "Patient", resource, urn),
        ),
    )
    assert answer.status_code == 200, answer.text
    assert statuses(answer) == ["201", "201", "201"]
    proof, seen, made = (client.get(located(row)).json() for row in answer.json()["entry"])
    me, it = f"Patient/{made['id']}", f"Observation/{seen['id']}"
    assert [one["reference"] for one in proof["target"]] == [me, it]
    assert seen["subject"]["reference"] == me
    assert made["extension"][0]["valueUri"] == it
    assert made["contained"][0]["patient"]["reference"] == me
    assert made["link"][0]["other"]["reference"] == me
    assert f'href="{it}"' in made["text"]["div"]


def test_canonicals_and_plain_strings_are_not_rewritten(client: TestClient) -> None:
    """A urn in a canonical or a string is not a reference."""
    urn = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    made = client.post(
        "",
        json=bundle(
            entry("POST", "Patient", patient("canon", name=[{"text": urn}], meta={"profile": [urn]}), urn),
        ),
    )
    read = client.get(located(made.json()["entry"][0])).json()
    assert read["name"][0]["text"] == urn
    assert read["meta"]["profile"] == [urn]


def test_conditional_references_see_what_the_transaction_creates(client: TestClient) -> None:
    """Conditional references are resolved last, against the store and this bundle; none or several is 412."""
    answer = client.post(
        "",
        json=bundle(
            entry("POST", "Observation", observation(f"Patient?identifier={SYSTEM}|new-1")),
            entry("POST", "Patient", patient("new-1")),
        ),
    )
    assert answer.status_code == 200, answer.text
    seen = client.get(located(answer.json()["entry"][0])).json()
    assert seen["subject"]["reference"] == located(answer.json()["entry"][1])
    again = client.post(
        "", json=bundle(entry("POST", "Observation", observation(f"Patient?identifier={SYSTEM}|new-1")))
    )
    assert client.get(located(again.json()["entry"][0])).json()["subject"] == seen["subject"]
    nothing = client.post(
        "", json=bundle(entry("POST", "Observation", observation(f"Patient?identifier={SYSTEM}|nobody")))
    )
    assert (nothing.status_code, issue(nothing)["expression"]) == (412, ["Bundle.entry[0]"])
    client.post("Patient", json=patient("new-1"))
    several = client.post(
        "", json=bundle(entry("POST", "Observation", observation(f"Patient?identifier={SYSTEM}|new-1")))
    )
    assert (several.status_code, issue(several)["code"]) == (412, "multiple-matches")


def test_nothing_is_written_when_one_entry_fails(client: TestClient) -> None:
    """Atomic: the first entry of a failed bundle is not there; the error names its entry."""
    answer = client.post(
        "",
        json=bundle(
            entry("PUT", "Patient/atom", patient("a", id="atom")),
            entry("POST", "Patient", {"resourceType": "Patient", "gender": "xx"}),
        ),
    )
    assert answer.status_code == 400
    assert issue(answer)["expression"] == ["Bundle.entry[1].resource.gender"]
    assert client.get("Patient/atom").status_code == 404


def test_order_is_delete_post_put_get(client: TestClient) -> None:
    """A delete makes room for a conditional create; a GET sees what was written; the response keeps the request's
    order."""
    old = client.post("Patient", json=patient("order")).json()
    answer = client.post(
        "",
        json=bundle(
            entry("GET", "Patient/order-put"),
            entry("PUT", "Patient/order-put", patient("order-put", id="order-put")),
            entry("POST", "Patient", patient("order"), ifNoneExist=f"identifier={SYSTEM}|order"),
            entry("DELETE", f"Patient/{old['id']}"),
        ),
    )
    assert answer.status_code == 200, answer.text
    assert statuses(answer) == ["200", "201", "201", "204"]
    assert answer.json()["entry"][0]["resource"]["id"] == "order-put"


@pytest.mark.parametrize(
    "second",
    [
        entry("PUT", "Patient/twice", patient("t", id="twice")),
        entry("DELETE", "Patient/twice"),
        entry("PATCH", "Patient/twice", {"resourceType": "Parameters"}),
    ],
)
def test_the_same_resource_twice_is_refused(client: TestClient, second: dict[str, Any]) -> None:
    """Identities that overlap fail the transaction."""
    client.put("Patient/twice", json=patient("t", id="twice"))
    answer = client.post("", json=bundle(entry("PUT", "Patient/twice", patient("t", id="twice")), second))
    assert answer.status_code == 400
    assert client.get("Patient/twice/_history").json()["total"] >= 1


def test_conditional_entries(client: TestClient) -> None:
    """Conditional create, update and delete inside a transaction; If-None-Exist that matches is 200 and resolves
    references."""
    there = client.post("Patient", json=patient("there")).json()
    gone = client.post("Patient", json=patient("gone")).json()
    urn = "urn:uuid:9b3d0d4e-7c5e-4b2b-a7cb-2f0f4e6b7a11"
    answer = client.post(
        "",
        json=bundle(
            entry("POST", "Patient", patient("there"), urn, ifNoneExist=f"identifier={SYSTEM}|there"),
            entry("POST", "Observation", observation(urn)),
            entry("PUT", f"Patient?identifier={SYSTEM}|fresh", patient("fresh")),
            entry("DELETE", f"Patient?identifier={SYSTEM}|gone"),
        ),
    )
    assert answer.status_code == 200, answer.text
    assert statuses(answer) == ["200", "201", "201", "204"]
    seen = client.get(located(answer.json()["entry"][1])).json()
    assert seen["subject"]["reference"] == f"Patient/{there['id']}"
    assert client.get(f"Patient/{gone['id']}").status_code == 410


def test_patches_stand_in_bundles(client: TestClient) -> None:
    """JSON Patch as a Binary, FHIRPath Patch as Parameters (R4 3.1.0.6)."""
    import base64

    one, two = client.post("Patient", json=patient("p1")).json(), client.post("Patient", json=patient("p2")).json()
    document = base64.b64encode(b'[{"op":"add","path":"/gender","value":"male"}]').decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": document}
    parts = [
        {"name": "type", "valueCode": "add"},
        {"name": "path", "valueString": "Patient"},
        {"name": "name", "valueString": "gender"},
        {"name": "value", "valueCode": "other"},
    ]
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    answer = client.post(
        "",
        json=bundle(entry("PATCH", f"Patient/{one['id']}", binary), entry("PATCH", f"Patient/{two['id']}", parameters)),
    )
    assert answer.status_code == 200, answer.text
    assert client.get(f"Patient/{one['id']}").json()["gender"] == "male"
    assert client.get(f"Patient/{two['id']}").json()["gender"] == "other"


def test_a_batch_answers_each_entry_on_its_own(client: TestClient) -> None:
    """One entry fails, the others go through; each error has its outcome."""
    answer = client.post(
        "",
        json=bundle(
            entry("POST", "Patient", patient("b")),
            entry("GET", "Patient/none"),
            entry("POST", "Foo", {"resourceType": "Foo"}),
            entry("GET", "metadata"),
            kind="batch",
        ),
    )
    assert answer.json()["type"] == "batch-response"
    assert statuses(answer) == ["201", "404", "404", "200"]
    assert answer.json()["entry"][1]["response"]["outcome"]["issue"][0]["code"] == "not-found"
    assert answer.json()["entry"][3]["resource"]["resourceType"] == "CapabilityStatement"


def test_prefer_representation_gives_the_resources(client: TestClient) -> None:
    """Without it only the statuses come back."""
    asked = bundle(entry("POST", "Patient", patient("r")))
    assert "resource" not in client.post("", json=asked).json()["entry"][0]
    shown = client.post("", json=asked, headers={"Prefer": "return=representation"}).json()["entry"][0]
    assert shown["resource"]["meta"]["versionId"] == "1"


def test_a_reference_by_restful_full_url_is_rewritten(client: TestClient) -> None:
    """A POSTed entry whose fullUrl is another server's address: absolute and relative references to it are resolved."""
    url = "http://other.example/fhir/Patient/77"
    answer = client.post(
        "",
        json=bundle(
            entry("POST", "Patient", patient("rest"), url),
            entry("POST", "Observation", observation("Patient/77"), "http://other.example/fhir/Observation/1"),
            entry("POST", "Observation", observation(url)),
        ),
    )
    me = located(answer.json()["entry"][0])
    for row in answer.json()["entry"][1:]:
        assert client.get(located(row)).json()["subject"]["reference"] == me


def test_five_hundred_entries_are_ordinary(client: TestClient) -> None:
    """One commit, all there."""
    rows = [
        entry("POST", "Observation", observation("urn:uuid:7a1f9c06-0d1f-4f39-8f3f-3b2b1f0c9a55")) for _ in range(499)
    ]
    answer = client.post(
        "",
        json=bundle(entry("POST", "Patient", patient("many"), "urn:uuid:7a1f9c06-0d1f-4f39-8f3f-3b2b1f0c9a55"), *rows),
    )
    assert answer.status_code == 200
    assert statuses(answer) == ["201"] * 500


def test_concurrent_conditional_creates_make_one_resource(client: TestClient) -> None:
    """Twenty clients race with the same criteria; exactly one creates."""
    outcomes: list[int] = []

    def post() -> None:
        outcomes.append(
            client.post(
                "Patient", json=patient("race"), headers={"If-None-Exist": f"identifier={SYSTEM}|race"}
            ).status_code
        )

    threads = [threading.Thread(target=post) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [200] * 19 + [201]
    assert client.get("Patient", params={"identifier": f"{SYSTEM}|race", "_total": "accurate"}).json()["total"] == 1


def test_too_many_entries_are_413(serve: Callable[..., TestClient]) -> None:
    """``bundle_max_entries`` bounds a bundle."""
    answer = serve(bundle_max_entries=2).post("", json=bundle(*[entry("POST", "Patient", patient("x"))] * 3))
    assert answer.status_code == 413


def test_a_merge_patch_stands_in_a_binary(client: TestClient, patient: dict[str, Any]) -> None:
    """Its contentType tells; what is not base64 is refused with its place."""
    place = f"Patient/{patient['id']}"
    carried = {"resourceType": "Binary", "contentType": "application/merge-patch+json", "data": "eyJhY3RpdmUiOnRydWV9"}
    assert statuses(client.post("", json=bundle(entry("PATCH", place, carried)))) == ["200"]
    assert client.get(place).json()["active"] is True
    refused = client.post("", json=bundle(entry("PATCH", place, carried | {"data": "!!"})))
    assert issue(refused)["expression"] == ["Bundle.entry[0].resource.data"]


def test_every_issue_of_a_batch_names_a_place(client: TestClient) -> None:
    """Where nothing in the resource is wrong, it is the entry."""
    answer = client.post("", json=bundle(entry("GET", "Patient/unknown"), kind="batch"))
    assert answer.json()["entry"][0]["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[0]"]
