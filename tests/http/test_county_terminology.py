"""What ships under terminology/ answers over HTTP: maps by source and version, value sets, naming systems; imported
lists are used by a server that is running."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from countyfhir.terminology.importing.kinds import bring_in
from countyfhir.terminology.importing.order import Order
from countyfhir.terminology.knowledge import open_terminology

LOCAL = "https://fhir.county-hc.example"
NHSA = f"{LOCAL}/cs/icd10-nhsa"


def translated(client: TestClient, system: str, code: str, **more: str) -> tuple[bool, list[str]]:
    """Whether there is a translation, and the codes."""
    answer = client.get("ConceptMap/$translate", params={"system": system, "code": code, **more})
    assert answer.status_code == 200, answer.text
    found = answer.json()["parameter"]
    matches = [one["part"] for one in found if one["name"] == "match"]
    codes = [part["valueCoding"]["code"] for one in matches for part in one if part["name"] == "concept"]
    return next(one["valueBoolean"] for one in found if one["name"] == "result"), codes


@pytest.mark.parametrize(("system", "codes"), [("personal-form-rh", ["NEG"]), ("ws365-rh", ["POS"])])
def test_rh_is_translated_by_its_source(client: TestClient, system: str, codes: list[str]) -> None:
    """1 is negative on the form and positive in WS 365; unknown has no translation."""
    target = {"targetsystem": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"}
    assert translated(client, f"{LOCAL}/cs/{system}", "1", **target) == (True, codes)
    assert translated(client, f"{LOCAL}/cs/{system}", "3", **target) == (False, [])


def test_a_vendor_code_is_translated(client: TestClient) -> None:
    """The hospital's own test code to LOINC, by the url of its map."""
    url = f"{LOCAL}/map/dictionary/county-hospital/l-testresult/testid/loinc.org"
    source = f"{LOCAL}/cs/dictionary/county-hospital/l-testresult/testid"
    assert translated(client, source, "GLU", url=url) == (True, ["14771-0"])


def test_referral_criteria_expand(client: TestClient) -> None:
    """Only what may be chosen, in Chinese."""
    answer = client.get("ValueSet/$expand", params={"url": f"{LOCAL}/vs/referral-criteria-down"}).json()
    found = {one["code"]: one["display"] for one in answer["expansion"]["contains"]}
    assert "down" not in found
    assert found["down-4.1"] == "术后康复期"
    assert len(found) == 9


def test_the_identity_card_has_a_preferred_name(client: TestClient) -> None:
    """From its OID to the system that resources carry."""
    asked = {"id": "2.16.156.10011.1.3", "type": "uri"}
    answer = client.get("NamingSystem/$preferred-id", params=asked).json()
    assert answer["parameter"][0]["valueString"] == "urn:oid:2.16.156.10011.1.3"


def test_an_import_is_used_by_a_running_server(serve: Callable[..., TestClient], tmp_path: Path) -> None:
    """Another process brings the list; within a second codes below a category are found."""
    index = tmp_path / "county.terminology"
    client = serve(concept_index=str(index))
    condition: dict[str, Any] = {"resourceType": "Condition", "subject": {"display": "somebody"}}
    coded = condition | {"code": {"coding": [{"system": NHSA, "code": "E11.300x011+H36.0*"}]}}
    assert client.post("Condition", json=coded).status_code == 201
    (tmp_path / "icd10.csv").write_text("code,display\nE11.300x011+H36.0*,2型糖尿病性视网膜病变\n", "utf-8")
    other = open_terminology(index)
    bring_in(other, Order(tmp_path / "icd10.csv", version="2.0"))
    other.close()
    until = time.monotonic() + 10
    while (found := total(client)) != 1 and time.monotonic() < until:
        time.sleep(0.1)
    assert found == 1


def total(client: TestClient) -> int | None:
    """Conditions below H36, the asterisk part; None while the system is not known."""
    answer = client.get("Condition", params={"code:below": f"{NHSA}|H36", "_total": "accurate"})
    return answer.json().get("total") if answer.status_code == 200 else None
