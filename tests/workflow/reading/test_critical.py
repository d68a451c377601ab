"""Critical values are raised once, acknowledged by the institution that received them, escalated until then."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from countyfhir.exchange import Account, Interaction
from countyfhir.outcome import FhirError
from countyfhir.workflow.critical.findings import watched
from countyfhir.workflow.situation import Change
from countyfhir.workflow.timing import instant, mark_of
from tests.workflow.reading.county import (
    CARD,
    KIND,
    MINUTE,
    START,
    WANG,
    County,
    Resource,
    county,
    key,
    order,
    report,
    told,
)

MARK = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
LAB = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}]


def potassium(value: float, name: str = "k", **more: Any) -> Resource:
    """A potassium of the resident, ordered by the township hospital."""
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "category": LAB,
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
        "subject": {"reference": "Patient/wang"},
        "basedOn": [{"reference": "ServiceRequest/lab"}],
        "effectiveDateTime": instant(START),
        "performer": [{"reference": "Organization/centre"}],
        "valueQuantity": {"value": value, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
        **more,
    }


async def alarms(here: County, **criteria: str) -> list[Resource]:
    """The Tasks of critical values."""
    return await here.find("Task", code="critical-value", **criteria)


async def a_laboratory_order(here: County) -> None:
    """The order that the results are of."""
    kind = [{"coding": [{"system": KIND, "code": "laboratory"}]}]
    await here.put(order("lab", category=kind, code={"text": "电解质"}))


def test_an_alarm_is_raised_once_acknowledged_and_escalated(tmp_path: Path) -> None:
    """15 minutes; then level after level, and never closed but by who received it, saying what was done."""

    async def go() -> None:
        async with county(tmp_path) as here:
            await a_laboratory_order(here)
            await here.put(potassium(6.9))
            [task] = await alarms(here, status="requested", owner="Organization/town")
            assert task["restriction"]["period"]["end"] == instant(START + 15 * MINUTE)
            [flag] = await here.find("Flag", patient="wang")
            assert "6.9 mmol/L" in flag["code"]["text"]
            assert len(await here.find("Communication", category="critical-value")) == 1
            await here.put(potassium(6.9, note=[{"text": "已复核"}]))
            await here.put(potassium(6.9, "k2"))  # the same value under another id
            assert len(await alarms(here)) == 1

            await here.wait(15)
            assert mark_of((await alarms(here))[0]) == "warning"
            here.at += 1000
            await here.wait(0)
            [task] = await alarms(here)
            assert (mark_of(task), task["businessStatus"]["coding"][0]["code"]) == ("overdue", "level-1")
            await here.wait(16)
            await here.wait(45)
            [task] = await alarms(here)
            assert task["businessStatus"]["coding"][0]["code"] == "level-3"
            assert task["status"] == "requested"
            assert len(await here.find("Communication", category="critical-escalated")) == 3

            await here.put(potassium(4.1))  # a correction informs; it closes nothing
            assert len(await here.find("Communication", category="critical-corrected")) == 1
            [task] = await alarms(here, status="requested")
            for status, who, expected in (
                ("cancelled", key("k", "town"), 422),
                ("completed", key("k", "centre"), 403),
                ("completed", key("k", "town"), 422),
            ):
                with pytest.raises(FhirError) as refused:
                    await here.put({**task, "status": status}, principal=who)
                assert refused.value.status == expected
            with pytest.raises(FhirError):
                await here.ask(Interaction("delete", "Task", task["id"]))
            done = {"type": {"text": "处置"}, "valueString": "已电话通知患者返院，予葡萄糖酸钙"}
            closed = await here.put({**task, "status": "completed", "output": [done]}, principal=key("zhao", "town"))
            assert {"valueString": "zhao"}.items() <= closed["output"][2].items()
            assert closed["executionPeriod"]["end"] == instant(here.at)
            assert (await here.get(f"Flag/{flag['id']}"))["status"] == "inactive"
            assert await alarms(here, status="requested") == []

    asyncio.run(go())


def test_what_is_critical(tmp_path: Path) -> None:
    """By interpretation in any category, by the table in the laboratory's units, by the centre's flag and words; inside
    a report too. Old values, other units, home readings and denials are not."""

    async def go() -> None:
        async with county(tmp_path) as here:
            await a_laboratory_order(here)
            mmol = {"value": 6.9, "unit": "mEq/L"}
            vital = [{"coding": [{"system": LAB[0]["coding"][0]["system"], "code": "vital-signs"}]}]
            home = [{"reference": "Patient/wang"}]
            for number, more in enumerate(
                (
                    {"valueQuantity": mmol},
                    {"category": vital},
                    {"performer": home},
                    {"status": "cancelled"},
                    {"effectiveDateTime": instant(START - 8 * 24 * 60 * MINUTE)},
                )
            ):
                await here.put(potassium(6.9, f"no{number}", **more))
            await here.put(potassium(6.2, "limit"))
            intake = Interaction("transaction", body=transaction(potassium(7.5, "old", effectiveDateTime="2025-01-01")))
            await here.ask(intake)
            legacy = transaction(potassium(7.6, "older", effectiveDateTime=instant(START - 25 * 60 * MINUTE)))
            await here.ask(Interaction("transaction", body=legacy, account=Account()))
            assert [one["focus"] for one in await alarms(here)] == []

            mark = {"interpretation": [{"coding": [{"system": MARK, "code": "LL"}]}], "category": vital}
            await here.put(potassium(4.0, "marked", **mark))
            assert len(await alarms(here)) == 1
            below = {"value": 2.8, "comparator": "<", "unit": "mmol/L"}
            await here.put(potassium(0, "below", valueQuantity=below))
            assert len(await alarms(here)) == 2
            recent = transaction(potassium(7.7, "fresh", effectiveDateTime=instant(START - 60 * MINUTE)))
            await here.ask(Interaction("transaction", body=recent, account=Account()))
            assert len(await alarms(here)) == 3

            await here.put(order())
            denied = report(instant(START), "R1", conclusion="窦性心律，未见危急值")
            await here.post(denied)
            assert len(await alarms(here)) == 3
            inside = {**potassium(8.1), "id": "inside"}
            del inside["basedOn"]
            await here.put(order("o2"))
            await here.post(report(instant(START), "R2", "o2", contained=[inside], result=[{"reference": "#inside"}]))
            assert len(await alarms(here)) == 4
            await here.put(order("o3"))
            said = told(await here.post(report(instant(START), "R3", "o3", conclusion="室速（危急值）")))
            [last] = await alarms(here, focus=f"DiagnosticReport/{said['id']}")
            assert last["owner"]["reference"] == "Organization/town"
            flag = {
                "resourceType": "Flag",
                "status": "active",
                "category": [
                    {"coding": [{"system": "https://fhir.county-hc.example/cs/flag-kind", "code": "critical-value"}]}
                ],
                "code": {"text": "病理危急"},
                "subject": {"reference": "Patient/wang"},
                "period": {"start": instant(START)},
            }
            await here.post(flag)
            assert len(await alarms(here)) == 6

    asyncio.run(go())


def transaction(resource: Resource) -> Resource:
    """A bundle of one PUT."""
    url = f"{resource['resourceType']}/{resource['id']}"
    entry = {"resource": resource, "request": {"method": "PUT", "url": url}}
    return {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}


def test_an_ordinary_observation_is_spared() -> None:
    """What has no code and no interpretation that is looked for is not judged at all."""
    from countyfhir.workflow.critical.rule import concerns

    watched.learn({"values": [{"codes": ["http://loinc.org|2823-3"]}], "interpretations": ["HH"]})
    height = potassium(1.7, code={"coding": [{"system": "http://loinc.org", "code": "8302-2"}]})
    assert not concerns(Change("Observation", "k", None, height))
    assert concerns(Change("Observation", "k", None, potassium(4)))


def test_a_centre_that_knows_only_numbers_alarms_who_asked(tmp_path: Path) -> None:
    """Report and results in one transaction, by numbers: the alarm is for the orderer, about the resident."""

    async def go() -> None:
        async with county(tmp_path) as here:
            await a_laboratory_order(here)
            url = "urn:uuid:0d1f7f57-3d3f-4a55-9a3c-0a3d5b1c7e14"
            value = potassium(7.2, subject={"identifier": {"system": CARD, "value": WANG}})
            del value["id"], value["basedOn"]
            sent = report(instant(START), "L1", "lab", code={"text": "电解质"}, result=[{"reference": url}])
            entries = [
                {"fullUrl": url, "resource": value, "request": {"method": "POST", "url": "Observation"}},
                {"resource": sent, "request": {"method": "POST", "url": "DiagnosticReport"}},
            ]
            body = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
            await here.ask(Interaction("transaction", body=body))
            [task] = await alarms(here)
            assert (task["owner"]["reference"], task["for"]["reference"]) == ("Organization/town", "Patient/wang")
            assert task["basedOn"][0]["reference"] == "ServiceRequest/lab"

    asyncio.run(go())
