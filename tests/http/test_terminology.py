"""The terminology operations over HTTP: GET and POST, type and instance, inline resources; what is stored is used at
once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.stores import store_at
from tests.terminology.cases import SIMPLE, URL, code_system, concept, include, simple, value_set, where

GENDER = "http://hl7.org/fhir/administrative-gender"
GENDERS = "http://hl7.org/fhir/ValueSet/administrative-gender"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


@pytest.fixture(scope="module")
def filled(client: TestClient) -> TestClient:
    """A server with ``simple`` and a value set of its hearts."""
    hearts = value_set("hearts", include(filter=[where("concept", "is-a", "heart")]))
    for resource in (simple(), hearts):
        assert client.put(f"{resource['resourceType']}/{resource['id']}", json=resource).status_code == 201
    return client


def parameters(*listed: tuple[str, str, Any]) -> dict[str, Any]:
    """Parameters of (name, value[x] or resource or part, value)."""
    return {"resourceType": "Parameters", "parameter": [{"name": name, kind: value} for name, kind, value in listed]}


def told(answer: Any) -> dict[str, Any]:
    """The answer's parameters by name."""
    assert answer.status_code == 200, answer.text
    return {
        one["name"]: next((value for name, value in one.items() if name != "name"), None)
        for one in answer.json()["parameter"]
    }


def codes(answer: Any) -> list[str]:
    """The codes of an expansion."""
    assert answer.status_code == 200, answer.text
    return [one["code"] for one in answer.json()["expansion"].get("contains", [])]


def test_lookup(filled: TestClient) -> None:
    """By system and code, by coding, on an instance; properties and designations as asked; 404 for what is not."""
    by_code = filled.get(f"CodeSystem/$lookup?system={SIMPLE}&code=heart").json()
    body = parameters(("coding", "valueCoding", {"system": SIMPLE, "code": "heart"}))
    assert filled.post("CodeSystem/$lookup", json=body).json() == by_code
    assert filled.get("CodeSystem/simple/$lookup?code=heart").json() == by_code
    named = {one["name"]: one for one in by_code["parameter"]}
    assert (named["name"]["valueString"], named["version"]["valueString"]) == ("Simple", "1.2.0")
    found = [
        tuple(next(v for k, v in part.items() if k.startswith("value")) for part in one["part"][:2])
        for one in by_code["parameter"]
        if one["name"] == "property"
    ]
    assert found == [("parent", "organ"), ("child", "valve"), ("child", "ventricle"), ("inactive", False)]
    lung = told(filled.get(f"CodeSystem/$lookup?system={SIMPLE}&code=lung&displayLanguage=zh&property=designation"))
    assert lung["display"] == "肺"
    assert "property" not in lung
    assert filled.get(f"CodeSystem/$lookup?system={SIMPLE}&code=foot").status_code == 404
    assert filled.get("CodeSystem/$lookup?system=urn:none&code=x").status_code == 404
    assert filled.get("CodeSystem/$lookup?code=x").status_code == 400
    unit = told(filled.get("CodeSystem/$lookup?system=http://unitsofmeasure.org&code=mg"))
    assert unit["display"] == "mg"


def test_validate_code_in_every_form(filled: TestClient) -> None:
    """GET and POST, code, coding and CodeableConcept, value sets by url, instance, inline and context."""
    good = [
        filled.get(f"ValueSet/$validate-code?url={GENDERS}&system={GENDER}&code=male"),
        filled.get(f"ValueSet/administrative-gender/$validate-code?system={GENDER}&code=male"),
        filled.get("ValueSet/$validate-code?context=Patient.gender&code=male"),
        filled.get(f"CodeSystem/$validate-code?url={GENDER}&code=male&display=Male"),
        filled.get("CodeSystem/simple/$validate-code?code=lung"),
        filled.get("ValueSet/hearts/$validate-code?code=valve"),
        filled.post(
            "ValueSet/$validate-code",
            json=parameters(
                ("valueSet", "resource", value_set("inline", include())),
                ("codeableConcept", "valueCodeableConcept", {"coding": [{"system": SIMPLE, "code": "lung"}]}),
            ),
        ),
        filled.post(
            "CodeSystem/$validate-code",
            json=parameters(
                ("codeSystem", "resource", code_system("brought", [concept("x")])),
                ("coding", "valueCoding", {"system": f"{URL}/CodeSystem/brought", "code": "x"}),
            ),
        ),
        filled.post(
            "ValueSet/$validate-code",
            json=parameters(
                ("url", "valueUri", f"{URL}/ValueSet/tx"),
                ("code", "valueCode", "x"),
                ("system", "valueUri", f"{URL}/CodeSystem/tx"),
                ("tx-resource", "resource", code_system("tx", [concept("x")])),
                ("tx-resource", "resource", value_set("tx", include(f"{URL}/CodeSystem/tx"))),
            ),
        ),
    ]
    assert [told(one)["result"] for one in good] == [True] * len(good)
    again = [told(filled.get(f"ValueSet/$validate-code?url={GENDERS}&system={GENDER}&code={code}")) for code in "mm"]
    assert again[0] == again[1]
    assert again[0]["result"] is False


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("ValueSet/$validate-code?url=urn:none&code=x", 404),
        ("ValueSet/nobody/$validate-code?code=x", 404),
        (f"ValueSet/$validate-code?url={GENDERS}", 400),
        (f"ValueSet/$validate-code?url={GENDERS}&code=a&colour=red", 400),
        (f"ValueSet/$validate-code?url={GENDERS}&code=a&abstract=maybe", 400),
        (f"ValueSet/$validate-code?url={GENDERS}&code=a&code=b", 400),
        (f"ValueSet/$validate-code?url={GENDERS}&code=a&system-version=x", 400),
        (f"ValueSet/$expand?url={GENDERS}&count=-1", 400),
        (f"ValueSet/$expand?url={GENDERS}&date=2001", 400),
        (f"ValueSet/$expand?url={GENDERS}&useSupplement=urn:none", 404),
        ("ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/body-site", 422),
        ("ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/mimetypes", 422),
        ("ValueSet/$expand", 400),
        ("CodeSystem/$subsumes?codeA=a&codeB=b", 400),
        (f"CodeSystem/$subsumes?system={SIMPLE}&codeA=lung&codeB=foot", 404),
        ("ConceptMap/$translate?url=urn:none&code=x&system=y", 404),
        ("ConceptMap/$translate?code=x", 400),
        ("CodeSystem/$find-matches?system=urn:x", 404),
    ],
)
def test_what_cannot_be_answered(filled: TestClient, query: str, status: int) -> None:
    """An OperationOutcome that says why."""
    answer = filled.get(query)
    assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome")


def test_resources_are_kept_by_a_cache_id(filled: TestClient) -> None:
    """Sent once, used by later requests of the same id, and by no other."""

    def valid(cache: str, *brought: tuple[str, str, Any]) -> bool:
        asked = [
            ("url", "valueUri", f"{URL}/CodeSystem/kept"),
            ("code", "valueCode", "x"),
            ("cache-id", "valueId", cache),
        ]
        return bool(told(filled.post("CodeSystem/$validate-code", json=parameters(*asked, *brought)))["result"])

    resource = ("tx-resource", "resource", code_system("kept", [concept("x")]))
    assert [valid("one"), valid("one", resource), valid("one"), valid("two")] == [False, True, True, False]


def test_a_wrong_display_can_be_a_warning(filled: TestClient) -> None:
    """By a parameter, or by a mode; another mode is refused."""
    asked = f"CodeSystem/$validate-code?url={SIMPLE}&code=lung&display=liver"
    assert told(filled.get(asked))["result"] is False
    for how in ("lenient-display-validation=true", "mode=lenient-display-validation"):
        assert told(filled.get(f"{asked}&{how}"))["result"] is True
    assert filled.get(f"{asked}&mode=strict").status_code == 400


def test_subsumes(filled: TestClient) -> None:
    """All four outcomes, by codes and by codings."""
    outcomes = [
        told(filled.get(f"CodeSystem/$subsumes?system={SIMPLE}&codeA={a}&codeB={b}"))["outcome"]
        for a, b in (("organ", "valve"), ("valve", "organ"), ("lung", "lung"), ("lung", "heart"))
    ]
    assert outcomes == ["subsumes", "subsumed-by", "equivalent", "not-subsumed"]
    body = parameters(*((f"coding{one}", "valueCoding", {"system": SIMPLE, "code": "lung"}) for one in "AB"))
    assert told(filled.post("CodeSystem/$subsumes", json=body))["outcome"] == "equivalent"


def test_expand(filled: TestClient) -> None:
    """Parameters shape the expansion and stand in it."""
    whole = f"ValueSet/$expand?url={URL}/ValueSet/simple-all-codes"
    assert codes(filled.get("ValueSet/hearts/$expand")) == ["heart", "valve", "ventricle"]
    assert codes(filled.get(f"{whole}&activeOnly=true&excludeNotForUI=true")) == ["heart", "ventricle", "lung", "other"]
    assert codes(filled.get(f"{whole}&filter=器官")) == ["other"]
    assert codes(filled.get(f"{whole}&exclude-system={SIMPLE}")) == []
    assert codes(filled.get(f"{whole}&excludeNested=false")) == ["organ", "other"]
    page = filled.get(f"{whole}&offset=2&count=2").json()
    assert [one["code"] for one in page["expansion"]["contains"]] == ["valve", "ventricle"]
    stated = {one["name"]: one for one in page["expansion"]["parameter"]}
    assert stated["count"]["valueInteger"] == 2
    assert stated["used-codesystem"]["valueUri"] == f"{SIMPLE}|1.2.0"
    assert (page["expansion"]["total"], page["expansion"]["offset"], "compose" in page) == (6, 2, False)
    assert "compose" in filled.get(f"{whole}&includeDefinition=true").json()
    forced = filled.get(f"{whole}&force-system-version={SIMPLE}|9")
    assert forced.status_code == 422
    assert "Valid versions: 1.2.0" in forced.json()["issue"][0]["diagnostics"]
    xml = filled.get(f"{whole}&property=side&includeDesignations=true", headers={"accept": "application/fhir+xml"})
    assert xml.status_code == 200
    assert "肺" in xml.text


def test_translate(filled: TestClient) -> None:
    """R4's own maps, in both directions; a stored one by instance; one that came along."""
    maps = {
        "resourceType": "ConceptMap",
        "id": "organs",
        "url": f"{URL}/ConceptMap/organs",
        "status": "active",
        "sourceUri": f"{URL}/ValueSet/simple-all-codes",
        "group": [
            {
                "source": SIMPLE,
                "target": "urn:t",
                "element": [{"code": "lung", "target": [{"code": "L", "equivalence": "wider"}]}],
            }
        ],
    }
    assert filled.put("ConceptMap/organs", json=maps).status_code == 201
    asked = [
        filled.get(f"ConceptMap/$translate?system={SIMPLE}&code=lung"),
        filled.get(f"ConceptMap/$translate?system={SIMPLE}&code=lung&source={URL}/ValueSet/simple-all-codes"),
        filled.get(f"ConceptMap/organs/$translate?system={SIMPLE}&code=lung"),
        filled.get(f"ConceptMap/$translate?url={maps['url']}&system={SIMPLE}&code=lung&targetsystem=urn:t"),
        filled.post(
            "ConceptMap/$translate",
            json=parameters(
                ("conceptMap", "resource", maps), ("coding", "valueCoding", {"system": SIMPLE, "code": "lung"})
            ),
        ),
    ]
    for answer in asked:
        assert answer.json()["parameter"][0] == {"name": "result", "valueBoolean": True}
        part = {one["name"]: one for one in answer.json()["parameter"][1]["part"]}
        assert (part["equivalence"]["valueCode"], part["concept"]["valueCoding"]["code"]) == ("wider", "L")
    back = filled.get("ConceptMap/organs/$translate?system=urn:t&code=L&reverse=true").json()
    assert back["parameter"][1]["part"][0]["valueCode"] == "narrower"
    none = told(filled.get(f"ConceptMap/$translate?system={SIMPLE}&code=heart"))
    assert (none["result"], "message" in none) == (False, True)
    assert told(filled.get(f"ConceptMap/$translate?system={GENDER}&code=male"))["result"] is True


def test_closure(filled: TestClient) -> None:
    """New steps come with the codes that make them; a version asks for what came after it; GET is refused."""
    name = ("name", "valueString", "mine")

    def steps(*listed: tuple[str, str, Any]) -> tuple[str, list[tuple[str, str]]]:
        answer = filled.post("$closure", json=parameters(name, *listed)).json()
        elements = [one for group in answer.get("group", []) for one in group["element"]]
        return answer["version"], [(one["code"], to["code"]) for one in elements for to in one["target"]]

    def added(*wanted: str) -> list[tuple[str, str, Any]]:
        return [("concept", "valueCoding", {"system": SIMPLE, "code": code}) for code in wanted]

    assert filled.post("$closure", json=parameters(("name", "valueString", "x"), *added("lung"))).status_code == 404
    assert filled.get("$closure?name=mine").status_code == 405
    assert steps() == ("0", [])
    assert steps(*added("valve", "lung")) == ("1", [])
    assert steps(*added("organ")) == ("2", [("lung", "organ"), ("valve", "organ")])
    assert steps(*added("heart", "organ")) == ("3", [("heart", "organ"), ("valve", "heart")])
    assert steps(("version", "valueString", "2")) == ("3", [("heart", "organ"), ("valve", "heart")])


def test_find_matches(filled: TestClient) -> None:
    """All properties when exact; else the best first, with what did not match."""

    def found(exact: bool, **wanted: str) -> list[tuple[str, int]]:
        sought = [
            ("property", "part", [{"name": "code", "valueCode": key}, {"name": "value", "valueString": value}])
            for key, value in wanted.items()
        ]
        body = parameters(("system", "valueUri", SIMPLE), ("exact", "valueBoolean", exact), *sought)
        answer = filled.post("CodeSystem/$find-matches", json=body).json()
        return [(one["part"][0]["valueCoding"]["code"], len(one["part"]) - 1) for one in answer.get("parameter", [])]

    assert found(True, side="both") == [("ventricle", 0), ("lung", 0)]
    assert found(True, side="both", display="肺") == [("lung", 0)]
    assert found(False, side="both", display="肺") == [("lung", 0), ("ventricle", 1)]


def test_terminology_capabilities(filled: TestClient) -> None:
    """The code systems with their versions; the operations stand in the CapabilityStatement."""
    stated = filled.get("metadata?mode=terminology").json()
    assert stated["resourceType"] == "TerminologyCapabilities"
    systems = {one["uri"]: one for one in stated["codeSystem"]}
    assert systems[SIMPLE]["version"] == [{"code": "1.2.0"}]
    assert "http://unitsofmeasure.org" in systems
    rest = filled.get("metadata").json()["rest"][0]
    offered = {one["type"]: {each["name"] for each in one.get("operation", [])} for one in rest["resource"]}
    assert {"expand", "validate-code"} <= offered["ValueSet"]
    assert {"lookup", "validate-code", "subsumes", "find-matches"} <= offered["CodeSystem"]
    assert "closure" in {one["name"] for one in rest["operation"]}


def test_what_is_written_is_used_at_once(client: TestClient) -> None:
    """Created, changed, deleted, by update, transaction and delete."""
    system = code_system("changing", [concept("a")])
    asked = f"CodeSystem/$validate-code?url={system['url']}&code="
    entry = {"resource": system, "request": {"method": "PUT", "url": "CodeSystem/changing"}}
    client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert told(client.get(asked + "a"))["result"] is True
    client.put("CodeSystem/changing", json=system | {"concept": [concept("b")]})
    assert told(client.get(asked + "a"))["result"] is False
    assert told(client.get(asked + "b"))["result"] is True
    client.delete("CodeSystem/changing")
    assert told(client.get(asked + "b"))["x-caused-by-unknown-system"] == system["url"]


def test_what_cannot_be_used_is_refused(client: TestClient) -> None:
    """Codes that come twice; a regular expression that could keep the server busy."""
    twice = code_system("twice", [concept("a", concept("b")), concept("b")])
    refused = client.put("CodeSystem/twice", json=twice)
    assert refused.status_code == 422
    slow = value_set("slow", include(filter=[where("code", "regex", "(a+)+")]))
    assert client.put("ValueSet/slow", json=slow).status_code in (400, 422)


def test_another_process_and_a_restart_know_what_was_written(serve: Callable[..., TestClient], tmp_path: Path) -> None:
    """Within a second; and what was deleted while a server was down is gone."""
    store = store_at(tmp_path / "shared.sqlite")
    first, second = serve(store=store), serve(store=store)
    system = code_system("shared", [concept("a")])
    first.put("CodeSystem/shared", json=system)
    asked = f"CodeSystem/$lookup?system={system['url']}&code=a"
    assert first.get(asked).status_code == 200
    assert eventually(lambda: second.get(asked).status_code == 200)
    second.delete("CodeSystem/shared")
    assert eventually(lambda: first.get(asked).status_code == 404)
    apart = serve(store=store, concept_index=str(tmp_path / "other.terminology"))
    first.put("CodeSystem/shared", json=system)
    assert eventually(lambda: apart.get(asked).status_code == 200)
    late = serve(store=store, concept_index=str(tmp_path / "third.terminology"))
    assert late.get(asked).status_code == 200


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it comes to hold; others need a moment to look."""
    for _ in range(100):
        if holds():
            return True
        time.sleep(0.1)
    return False
