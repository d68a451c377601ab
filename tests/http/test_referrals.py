"""The operations of referral over HTTP: one call makes the bundle, the letter is read and printed, stays are
cross-checked."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from countyfhir.validation.check import ERRORS, check
from tests.workflow.referral import county
from tests.workflow.referral.county import LOCAL, to


@pytest.fixture(scope="module")
def county_of(client: TestClient) -> TestClient:
    """A server with a small county."""
    for one in county.COUNTRY:
        assert client.put(f"{one['resourceType']}/{one['id']}", json=one).status_code == 201
    return client


def parameters(**given: Any) -> dict[str, Any]:
    """Parameters: text as string, references by name."""
    rows = []
    for name, values in given.items():
        for value in values if isinstance(values, list) else [values]:
            kind = "valueReference" if isinstance(value, dict) else "valueString"
            rows.append({"name": name.replace("_", "-"), kind: value})
    return {"resourceType": "Parameters", "parameter": rows}


UP = {
    "patient": to("Patient/p"),
    "direction": "up",
    "requester": to("Organization/township"),
    "target": to("Organization/county"),
    "reason": "up-2",
    "diagnosis": "高血压病3级",
    "illness": "头晕三天 <𠮷>",
    "past_history": "高血压十二年",
    "treatment": "口服缬沙坦",
    "consent": "true",
    "doctor": "许静",
}


def test_one_call_makes_the_whole_referral(county_of: TestClient) -> None:
    """Request with its number, Task sent, consent and letter, all with the county's profiles and sound; what is missing
    is said in one answer."""
    made = county_of.post("ServiceRequest/$refer", json=parameters(**UP))
    assert made.status_code == 200, made.text
    by_type = {one["resource"]["resourceType"]: one["resource"] for one in made.json()["entry"]}
    assert set(by_type) == {"ServiceRequest", "Task", "Consent", "Composition"}
    assert by_type["ServiceRequest"]["reasonCode"][0]["text"] == "不能确诊的疑难复杂病例"
    assert by_type["Task"]["identifier"] == by_type["ServiceRequest"]["identifier"]
    assert by_type["Task"]["businessStatus"]["coding"][0]["code"] == "sent"
    refused = county_of.post("ServiceRequest/$refer", json=parameters(**{**UP, "consent": "false"}))
    assert (refused.status_code, "知情同意" in refused.text) == (422, True)
    for missing in ("patient", "direction", "target", "reason", "requester"):
        given = {name: value for name, value in UP.items() if name != missing}
        assert county_of.post("ServiceRequest/$refer", json=parameters(**given)).status_code == 400
    assert county_of.post("ServiceRequest/$refer", json=parameters(**UP, colour="red")).status_code == 400
    assert county_of.get("ServiceRequest/$refer").status_code == 405


def test_the_letter_is_a_document_and_prints(county_of: TestClient) -> None:
    """A valid document Bundle; HTML and PDF by _format or Accept, in Chinese, with nothing of the text taken for
    markup; other forms of Accept are answered as ever."""
    made = county_of.post("ServiceRequest/$refer", json=parameters(**UP)).json()
    request = next(one["resource"] for one in made["entry"] if one["resource"]["resourceType"] == "ServiceRequest")
    place = f"ServiceRequest/{request['id']}/$referral-letter"
    bundle = county_of.get(place).json()
    assert bundle["entry"][0]["resource"]["title"] == "双向转诊（转出）单"
    assert not [one for one in check(bundle) if one.severity in ERRORS]
    page = county_of.get(place, headers={"Accept": "text/html,application/xhtml+xml"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for word in ("王桂芳", "township", "头晕三天 &lt;𠮷&gt;", request["identifier"][0]["value"], "许静", "女"):
        assert word in page.text
    for asking in ({"params": {"_format": "application/pdf"}}, {"headers": {"Accept": "application/pdf"}}):
        printed = county_of.get(place, **asking)
        assert (printed.status_code, printed.headers["content-type"]) == (200, "application/pdf")
        assert printed.content.startswith(b"%PDF-")
        assert printed.content.rstrip().endswith(b"%%EOF")
    assert county_of.get(place, headers={"Accept": "application/fhir+xml"}).text.startswith("<")
    assert county_of.get("Patient/p", headers={"Accept": "application/pdf"}).status_code == 406
    assert county_of.get(f"ServiceRequest/{request['id']}/$return-slip").status_code == 404
    assert county_of.get("ServiceRequest/none/$referral-letter").status_code == 404


def test_downward_the_slip_is_the_letter(county_of: TestClient) -> None:
    """$refer writes the slip of its texts; unknown stock is told with the answer; the slip prints."""
    down = {**UP, "direction": "down", "requester": to("Organization/county"), "target": to("Organization/township")}
    down |= {"reason": "down-4.1", "results": "切口愈合良好", "plan": "两周后复查", "rehabilitation": "每日步行"}
    del down["illness"], down["past_history"]
    refused = county_of.post("ServiceRequest/$refer", json=parameters(**down))
    assert (refused.status_code, "current drugs" in refused.text) == (422, True)
    drug = {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": to("Patient/p")}
    drug["medicationCodeableConcept"] = {"text": "利伐沙班"}
    stored = county_of.post("MedicationRequest", json=drug).json()
    along = [to(f"MedicationRequest/{stored['id']}")]
    made = county_of.post("ServiceRequest/$refer", json=parameters(**down, supporting_info=along))
    assert made.status_code == 200, made.text
    kinds = [one["resource"] for one in made.json()["entry"]]
    assert "利伐沙班" in kinds[-1]["issue"][0]["diagnostics"]
    request = next(one for one in kinds if one["resourceType"] == "ServiceRequest")
    for operation in ("$referral-letter", "$return-slip"):
        page = county_of.get(f"ServiceRequest/{request['id']}/{operation}", params={"_format": "text/html"}).text
        assert [word for word in ("双向转诊（回转）单", "康复建议", "每日步行") if word not in page] == []


def stay(name: str, provider: str, **marks: str) -> dict[str, Any]:
    """A hospital stay as the mapping of the county hospital writes it: national codes first."""
    systems = {
        "admitSource": ("cv09.00.403", {"3": "hosp-trans", "2": "outp"}, "admit-source"),
        "dischargeDisposition": (
            "cv06.00.226",
            {"1": "home", "2": "other-hcf", "3": "other-hcf"},
            "discharge-disposition",
        ),
    }
    told = {}
    for element, code in marks.items():
        local, table, system = systems[element]
        told[element] = {
            "coding": [
                {"system": LOCAL + "cs/" + local, "code": code},
                {"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": table[code]},
            ]
        }
    return {
        "resourceType": "Encounter",
        "id": name,
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": to("Patient/p"),
        "period": {"start": "2025-03-01T08:00:00+08:00", "end": "2025-03-10T10:00:00+08:00"},
        "hospitalization": told,
        "serviceProvider": to(f"Organization/{provider}"),
    }


def test_stays_without_their_referral_are_listed(county_of: TestClient) -> None:
    """Admission route 3 needs a referral to this institution, disposition 2 or 3 one from it, around that day."""
    stays = [
        stay("told", "county", admitSource="3", dischargeDisposition="1"),
        stay("elsewhere", "other", admitSource="3", dischargeDisposition="2"),
        stay("back", "county", admitSource="2", dischargeDisposition="3"),
        stay("plain", "county", admitSource="2", dischargeDisposition="1"),
    ]
    active = {"status": "active", "authoredOn": "2025-02-27T09:00:00+08:00"}
    for one in [*stays, county.request("old", **active)]:
        assert county_of.put(f"{one['resourceType']}/{one['id']}", json=one).status_code == 201
    asked = {"start": "2025-01-01", "end": "2025-12-31"}
    found = county_of.get("Encounter/$unmatched-referrals", params=asked).json()["parameter"]
    counts = {one["name"]: one["valueInteger"] for one in found if "valueInteger" in one}
    assert counts == {"stays": 4, "transfers": 4, "matched": 1, "unmatched": 3}
    rows = [{part["name"]: part for part in one["part"]} for one in found if "part" in one]
    told = sorted((row["encounter"]["valueReference"]["reference"], row["side"]["valueCode"]) for row in rows)
    assert told == [
        ("Encounter/back", "discharge"),
        ("Encounter/elsewhere", "admission"),
        ("Encounter/elsewhere", "discharge"),
    ]
    leaving = county.downward("leaving", status="active", authoredOn="2025-03-09T09:00:00+08:00")
    leaving.pop("supportingInfo")
    assert county_of.put("ServiceRequest/leaving", json=leaving).status_code == 201
    only = asked | {"institution": "Organization/county"}
    found = county_of.get("Encounter/$unmatched-referrals", params=only).json()["parameter"]
    assert [one["valueInteger"] for one in found if one["name"] == "unmatched"] == [0]
    assert county_of.get("Encounter/$unmatched-referrals?start=2025-13").status_code == 400
