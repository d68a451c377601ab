"""Home readings raise alerts that somebody must acknowledge; long prescriptions are checked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from countyfhir.exchange import Account, Interaction, Principal
from countyfhir.outcome import FhirError
from tests.workflow.chronic.county import CS, SD, County, codes, concept, condition, county, glucose, pressure, visit

PATIENT = [{"reference": "Patient/p"}]
PROFILE = {"profile": [f"{SD}county-blood-pressure"]}
VILLAGE = Principal("v", "key", "village", (), ("system/*.cruds",))
TOWNSHIP = Principal("t", "key", "township", (), ("system/*.cruds",))


def told(path: Path, story: Any) -> None:
    """Run a story."""

    async def go() -> None:
        async with county(path) as made:
            await story(made)

    asyncio.run(go())


def home(name: str, value: str, **more: Any) -> dict[str, Any]:
    """A pressure that the resident took."""
    vital = [concept("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs")]
    more = {"meta": PROFILE, "performer": PATIENT, "category": vital} | more
    found = pressure(name, "2026-11-22T08:00:00+08:00", value, **more)
    found["code"]["text"] = "血压"
    return found


async def alerts(made: County, **criteria: str) -> list[dict[str, Any]]:
    """The Tasks of alerts."""
    return await made.search("Task", code=f"{CS}chronic-action|acknowledge-reading", **criteria)


def test_a_home_reading_must_be_acknowledged(tmp_path: Path) -> None:
    """By the institution that looks after the resident, saying what was done; late, it goes up the tiers."""

    async def story(made: County) -> None:
        await made.put(home("fine", "130/80"))
        assert await alerts(made) == []
        await made.put(home("high", "182/100"))
        task = (await alerts(made, status="requested"))[0]
        assert (task["priority"], task["owner"]) == ("stat", {"reference": "Organization/village"})
        flag = await made.read(task["reasonReference"]["reference"])
        assert (flag["status"], codes(flag, "category", "flag-kind")) == ("active", ["home-reading"])
        for status, caller, expected in (
            ("cancelled", VILLAGE, {422}),
            ("completed", TOWNSHIP, {403, 404}),  # 404 where the caller does not even see it
            ("completed", VILLAGE, {400, 422}),  # without a word on what was done
        ):
            with pytest.raises(FhirError) as caught:
                await made.put({**task, "status": status}, as_=caller)
            assert caught.value.status in expected
        await made.tick("2026-11-22", "10:00")
        late = (await alerts(made))[0]
        assert (late["owner"], late["meta"]["tag"][0]["code"]) == ({"reference": "Organization/township"}, "overdue")
        note = [*late["note"], {"text": "已电话联系，嘱即来院"}]
        await made.put({**late, "status": "completed", "note": note}, as_=TOWNSHIP)
        assert (await made.read(task["reasonReference"]["reference"]))["status"] == "inactive"
        with pytest.raises(FhirError):
            await made.put({**late, "status": "requested"}, as_=TOWNSHIP)

    told(tmp_path, story)


def test_what_raises_an_alert(tmp_path: Path) -> None:
    """A sudden rise, a device's glucose; not an institution's reading, nor other people's; taken back when wrong."""

    async def story(made: County) -> None:
        await made.put(home("a", "110/70", effectiveDateTime="2026-11-20T08:00:00+08:00"))
        await made.put(home("b", "150/85"))
        task = (await alerts(made))[0]
        assert "骤升" in task["description"]
        await made.put({**home("b", "150/85"), "status": "entered-in-error"})
        assert [one["status"] for one in await alerts(made)] == ["cancelled"]
        device = {"url": f"{SD}capture-method", "valueCoding": {"system": f"{CS}capture-method", "code": "device"}}
        await made.put(glucose("g", "2026-11-22", "3.9", extension=[device]))
        assert len(await alerts(made, status="requested")) == 1
        await made.put(home("c", "190/110", performer=[{"reference": "Organization/township"}]))
        await made.put(pressure("d", "2026-11-22", "190/110", performer=PATIENT))
        assert len(await alerts(made, status="requested")) == 1

    told(tmp_path, story)


def test_a_laboratory_result_is_classified_without_a_visit(tmp_path: Path) -> None:
    """Of a resident on the register; it proposes, and leaves the next visit to visits."""

    async def story(made: County) -> None:
        await made.put(condition("d", "E11.900"))
        profile = {"profile": [f"{SD}county-glucose"]}
        lab = [{"reference": "Organization/township"}]
        category = [concept("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory")]
        found = glucose("g", "2026-11-22", "17.2", meta=profile, performer=lab, category=category)
        found["code"]["text"] = "空腹血糖"
        await made.put(found)
        computed = await made.search("Observation", code=f"{CS}follow-up-item|computed-assessment")
        assert codes(computed[0], "valueCodeableConcept", "follow-up-class") == ["emergency"]
        assert computed[0]["derivedFrom"] == [{"reference": "Observation/g"}]
        requests = await made.search("ServiceRequest", intent="proposal")
        assert codes(requests[0], "reasonCode", "referral-criteria") == ["fu-5"]
        assert await made.search("Task", code=f"{CS}chronic-action|follow-up") == []

    told(tmp_path, story)


def prescription(days: str = "60", **more: Any) -> dict[str, Any]:
    """A long prescription of the village."""
    long = {"url": f"{SD}prescription-kind", "valueCoding": {"system": f"{CS}prescription-kind", "code": "long"}}
    supply = {"value": int(days), "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}
    return {
        "resourceType": "MedicationRequest",
        "id": "m",
        "extension": [long],
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": "缬沙坦胶囊"},
        "subject": {"reference": "Patient/p"},
        "requester": {"reference": "Organization/village"},
        "reasonReference": [{"reference": "Condition/c"}],
        "dispenseRequest": {"expectedSupplyDuration": supply},
    } | more


def test_a_long_prescription_names_what_fails(tmp_path: Path) -> None:
    """All of it at once; with contract, diagnosis, stability and stock it is taken, sixty days at most in a village."""

    async def story(made: County) -> None:
        with pytest.raises(FhirError) as caught:
            await made.put(prescription("90"))
        said = [one.diagnostics for one in caught.value.issues]
        assert (caught.value.status, len(said)) == (422, 5)
        assert any("签约" in one for one in said)
        plain = {name: value for name, value in prescription("90").items() if name != "extension"}
        await made.put({**plain, "id": "other"})
        contract = {
            "resourceType": "Contract",
            "id": "k",
            "status": "executed",
            "type": concept(f"{CS}contract-kind", "family-doctor"),
            "applies": {"start": "2026-01-01", "end": "2026-12-31"},
            "subject": [{"reference": "Patient/p"}],
            "authority": [{"reference": "Organization/village"}],
        }
        stock = {
            "resourceType": "Group",
            "id": "stock",
            "type": "medication",
            "actual": True,
            "active": True,
            "code": concept(f"{CS}medication-list", "formulary"),
            "managingEntity": {"reference": "Organization/village"},
            "characteristic": [
                {"code": {"text": "drug"}, "valueCodeableConcept": {"text": "缬沙坦胶囊"}, "exclude": False}
            ],
        }
        await made.put(stock)
        await made.put(condition("c", "I10.x00"))
        await made.all_at_once(visit("v", "2026-11-22"), pressure("bp", "2026-11-22", "130/80", "v"))
        with pytest.raises(FhirError) as caught:
            await made.put(prescription())
        assert len(caught.value.issues) == 1
        await stored(made, contract)
        await made.put(prescription())
        with pytest.raises(FhirError) as caught:
            await made.put(prescription("61"))
        assert "60" in caught.value.issues[0].diagnostics

    told(tmp_path, story)


async def stored(made: County, resource: dict[str, Any]) -> None:
    """Put it as legacy history, which other workflows leave as it is."""
    entry = {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    await made.opened.perform(Interaction("transaction", body=bundle, account=Account()))
