"""A report whose order and person do not agree is kept, attached to nobody, and decided by a person."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from countyfhir.exchange import Interaction
from countyfhir.outcome import FhirError
from countyfhir.workflow.timing import instant, mark_of
from tests.workflow.reading.county import CARD, LI, START, County, Resource, county, key, order, report, told

NOTICES = "https://fhir.county-hc.example/cs/reading-notice"


async def held_tasks(here: County) -> list[Resource]:
    """The holds that wait."""
    return await here.find("Task", code="held-report", status="requested")


def naming(task: Resource, patient: str) -> Resource:
    """The Task completed for a patient."""
    value = {"type": {"coding": [{"system": NOTICES, "code": "patient"}]}, "valueReference": {"reference": patient}}
    return {**task, "status": "completed", "output": [value]}


def test_a_conflict_is_held_and_released_by_the_right_role(tmp_path: Path) -> None:
    """Nobody's record shows it; both sides know; a critical one alarms at once; released, it is an ordinary report."""

    async def go() -> None:
        async with county(tmp_path) as here:
            await here.put(order())
            sent = report(instant(START), card=LI, conclusion="急性下壁心肌梗死（危急值）")
            answer = await here.post(sent)
            assert answer.status == 202
            outcome = told(answer)
            assert outcome["resourceType"] == "OperationOutcome"
            assert "不是同一居民" in outcome["issue"][0]["diagnostics"]
            for patient in ("wang", "li"):
                assert await here.find("DiagnosticReport", patient=patient) == []
                assert await here.find("Flag", patient=patient) == []
            [stub] = await here.find("DiagnosticReport", _tag="held")
            assert stub["status"] == "registered"
            assert not {"subject", "basedOn", "conclusion"} & set(stub)
            told_to = {each["reference"] for one in await held_notices(here) for each in one["recipient"]}
            assert told_to == {"Organization/town", "Organization/centre"}
            [alarm] = await here.find("Task", code="critical-value", owner="Organization/town")
            assert "for" not in alarm
            again = await here.post(sent)
            assert (again.status, len(await here.find("DiagnosticReport"))) == (202, 1)
            assert len(await here.find("DocumentReference")) == 1
            assert (await here.find("DocumentReference"))[0]["meta"]["versionId"] == "1"

            [original] = await here.find("DocumentReference")
            centre, town = key("c", "centre", "reader"), key("t", "town", "doctor")
            await here.ask(Interaction("read", "DocumentReference", original["id"], principal=centre))
            with pytest.raises(FhirError) as refused:
                await here.ask(Interaction("read", "DocumentReference", original["id"], principal=town))
            assert refused.value.status == 404

            [task] = await held_tasks(here)
            with pytest.raises(FhirError) as refused:
                await here.put(naming(task, "Patient/wang"), principal=key("k", "hospital", "reading-lead"))
            assert refused.value.status in (403, 404)
            with pytest.raises(FhirError) as refused:
                await here.put(naming(task, "Patient/wang"), principal=key("k", "town", "nurse"))
            assert refused.value.status == 403
            await here.put(naming(task, "Patient/wang"))
            released = await here.get(f"DiagnosticReport/{stub['id']}")
            assert released["subject"] == {"reference": "Patient/wang"}
            assert released["conclusion"] == sent["conclusion"]
            assert (await here.get("ServiceRequest/o1"))["status"] == "completed"
            assert (await here.find("Task", code="read-order"))[0]["status"] == "completed"
            with pytest.raises(FhirError):
                await here.put({**await here.get(f"Task/{task['id']}"), "status": "rejected"})

    asyncio.run(go())


async def held_notices(here: County) -> list[Resource]:
    """What was told of holds."""
    return await here.find("Communication", category="report-held")


def test_a_report_waits_for_its_order(tmp_path: Path) -> None:
    """When the order arrives it is matched in the same commit. One that is sent back stays with nobody."""

    async def go() -> None:
        async with county(tmp_path) as here:
            answer = await here.post(report(instant(START)))
            assert answer.status == 202
            assert await here.find("DiagnosticReport", patient="wang") == []
            await here.put(order())
            [made] = await here.find("DiagnosticReport", patient="wang")
            assert made["basedOn"][0]["reference"] == "ServiceRequest/o1"
            assert (await here.find("Task", code="held-report"))[0]["status"] == "completed"
            assert (await here.get("ServiceRequest/o1"))["status"] == "completed"

            unknown = report(instant(START), "R2", "o2", card="nobody")
            await here.put(order("o2"))
            assert (await here.post(unknown)).status == 202
            [task] = await held_tasks(here)
            with pytest.raises(FhirError) as refused:
                await here.put({**task, "status": "rejected"})
            assert "退回须写明原因" in refused.value.issues[0].diagnostics
            await here.put({**task, "status": "rejected", "statusReason": {"text": "标识有误"}})
            [stub] = await here.find("DiagnosticReport", _tag="held")
            assert stub["status"] == "cancelled"
            assert (await here.get("ServiceRequest/o2"))["status"] == "active"

            assert (await here.post(report(instant(START), "R3", "o2", card="later"))).status == 202
            await here.wait(61)
            [task] = await held_tasks(here)
            assert mark_of(task) == "overdue"
            late = {"resourceType": "Patient", "id": "wang"}
            both = [{"system": CARD, "value": "370523196409226914"}, {"system": CARD, "value": "later"}]
            await here.put({**late, "identifier": both})
            assert (await here.post(report(instant(START), "R3", "o2", card="later"))).status == 200
            assert (await here.get("ServiceRequest/o2"))["status"] == "completed"

    asyncio.run(go())


def test_literal_references_must_agree_too(tmp_path: Path) -> None:
    """A report that names the other resident's id for this order is held; an issued one does not change its person; a
    linked record of the same person agrees."""

    async def go() -> None:
        async with county(tmp_path) as here:
            await here.put(order())
            based = {"basedOn": [{"reference": "ServiceRequest/o1"}]}
            other = {**report(instant(START)), **based, "subject": {"reference": "Patient/li"}}
            assert (await here.post(other)).status == 202
            assert await here.find("DiagnosticReport", patient="li") == []
            name = {"name": [{"text": "王桂芳"}], "gender": "female", "birthDate": "1964-09-22"}
            number = [{"system": CARD, "value": "370523196409226914"}]
            await here.put({"resourceType": "Patient", "id": "wang", "identifier": number, **name})
            await here.put({"resourceType": "Patient", "id": "wang2", "identifier": number, **name})
            same = {**report(instant(START), "R2"), **based, "subject": {"reference": "Patient/wang2"}}
            answer = await here.post(same)
            assert answer.status == 201
            with pytest.raises(FhirError) as refused:
                await here.put({**told(answer), "status": "amended", "subject": {"reference": "Patient/li"}})
            assert refused.value.status == 409

    asyncio.run(go())
