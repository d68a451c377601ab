"""Full text over HTTP: the specification's own example, Chinese words of one and two characters, updates."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient


def condition(logical_id: str, narrative: str, display: str) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": logical_id,
        "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{narrative}</p></div>'},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "1", "display": display}], "text": display},
        "subject": {"reference": "Patient/p"},
    }


def found(client: TestClient, **asked: str) -> set[str]:
    answer = client.get("Condition", params=asked)
    assert answer.status_code == 200, answer.text
    return {entry["resource"]["id"] for entry in answer.json().get("entry", ())}


def test_words_and_expressions(client: TestClient) -> None:
    """R4's example (bone OR liver) and metastases; phrases; what only _content reaches; the resource as it is now."""
    kept = (
        condition("a", "Metastases of the <b>liver</b>", "Secondary malignancy"),
        condition("b", "Bone <i>meta</i>stases &amp; pain", "Secondary malignancy"),
        condition("c", "Bone fracture", "肺炎"),
    )
    for each in kept:
        assert client.put(f"Condition/{each['id']}", json=each).status_code == 201
    assert found(client, _text="(bone OR liver) and metastases") == {"a", "b"}
    assert found(client, _text="bone,liver") == {"a", "b", "c"}
    assert found(client, _text='"bone metastases"') == {"b"}
    assert found(client, _text="肺炎") == set()
    assert found(client, _content="肺炎") == found(client, _content="肺") == found(client, _content="炎") == {"c"}
    assert found(client, _content="bone", _id="c") == {"c"}
    client.put("Condition/c", json=condition("c", "Bone fracture", "胃炎"))
    assert found(client, _content="肺") == set()
    assert found(client, _content="胃") == {"c"}


def test_a_malformed_expression_is_a_400(client: TestClient) -> None:
    """It says what is expected; a Binary has no narrative."""
    refused = client.get("Condition", params={"_text": "(bone"})
    assert refused.status_code == 400
    assert "parenthesis" in refused.json()["issue"][0]["diagnostics"]
    assert client.get("Binary", params={"_text": "bone"}).status_code == 400
