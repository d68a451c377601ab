"""Readers claim orders, give them back, refuse them, complete them; who asked may only take an order back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from countyfhir.exchange import Preconditions
from countyfhir.outcome import FhirError
from countyfhir.workflow.timing import instant, timer_of
from tests.workflow.reading.county import START, County, Resource, county, key, order, report, told

ANNA, BO = {"reference": "Practitioner/anna"}, {"reference": "Practitioner/bo"}
CENTRE = key("reader-1", "centre", "reader")
OTHER = key("reader-2", "centre", "reader")
TOWN = key("doctor", "town", "doctor")


async def refused(here: County, task: Resource, **further: Any) -> FhirError:
    """The refusal of a PUT."""
    with pytest.raises(FhirError) as caught:
        await here.put(task, **further)
    return caught.value


def test_one_of_two_readers_wins(tmp_path: Path) -> None:
    """With If-Match 412, without it 409; after a release it can be claimed again; a lead may take it over."""

    async def go() -> None:
        async with county(tmp_path) as here:
            await here.put(order())
            [task] = await here.find("Task", code="read-order")
            assert task["owner"]["reference"] == "Organization/centre"
            etag = Preconditions(if_match='W/"1"')
            mine = await here.put({**task, "status": "accepted", "owner": ANNA}, principal=CENTRE, preconditions=etag)
            assert mine["executionPeriod"]["start"] == instant(START)
            assert timer_of(mine) == timer_of(task)
            hers = {**task, "status": "accepted", "owner": BO}
            assert (await refused(here, hers, principal=OTHER, preconditions=etag)).status == 412
            lost = await refused(here, hers, principal=OTHER)
            assert (lost.status, lost.issues[0].code) == (409, "conflict")
            back = await here.put({**mine, "status": "requested"}, principal=CENTRE)
            assert back["owner"]["reference"] == "Organization/centre"
            await here.put({**back, "status": "in-progress", "owner": BO}, principal=OTHER)
            lead = key("lead", "centre", "reading-lead")
            taken = await here.put({**back, "status": "in-progress", "owner": ANNA}, principal=lead)
            assert taken["owner"] == ANNA
            stripped = {
                name: value for name, value in taken.items() if name not in ("extension", "restriction", "meta")
            }
            kept = await here.put({**stripped, "note": [{"text": "请稍候"}]}, principal=CENTRE)
            assert (timer_of(kept), kept["restriction"]) == (timer_of(task), task["restriction"])

    asyncio.run(go())


def test_who_may_do_what(tmp_path: Path) -> None:
    """Another institution nothing; who asked takes the order back; refusing needs a reason, completing a report."""

    async def go() -> None:
        async with county(tmp_path) as here:
            await here.put(order())
            [task] = await here.find("Task", code="read-order")
            elsewhere = key("k", "hospital", "reader")
            assert (await refused(here, {**task, "status": "accepted"}, principal=elsewhere)).status in (403, 404)
            assert (await refused(here, {**task, "status": "accepted"}, principal=TOWN)).status == 403
            assert (await refused(here, {**task, "status": "rejected"}, principal=CENTRE)).status == 422
            bare = await refused(here, {**task, "status": "completed"}, principal=CENTRE)
            assert (bare.status, bare.issues[0].expression) == (422, ("Task.output",))
            why = {"statusReason": {"text": "波形不清，请重新采集"}}
            await here.put({**task, "status": "rejected", **why}, principal=CENTRE)
            [word] = await here.find("Communication", recipient="Organization/town")
            assert "波形不清" in word["payload"][0]["contentString"]
            over = await refused(here, {**task, "status": "accepted", **why}, principal=CENTRE)
            assert (over.status, over.issues[0].expression) == (422, ("Task.status",))

            await here.put(order("o2"))
            await here.put({**order("o2"), "status": "revoked"})
            [second] = await here.find("Task", focus="ServiceRequest/o2", code="read-order")
            assert (second["status"], timer_of(second)) == ("cancelled", None)

    asyncio.run(go())


def test_a_task_of_the_client_is_taken_over(tmp_path: Path) -> None:
    """Sent with the order it is the only one; sent later it becomes a new version of the server's."""

    async def go() -> None:
        async with county(tmp_path) as here:
            from countyfhir.exchange import Interaction

            own = {
                "resourceType": "Task",
                "status": "requested",
                "intent": "order",
                "code": {"text": "远程心电诊断"},
                "focus": {"reference": "ServiceRequest/o1"},
                "owner": {"reference": "Organization/centre"},
            }
            entries = [
                {"resource": order(), "request": {"method": "PUT", "url": "ServiceRequest/o1"}},
                {"resource": own, "request": {"method": "POST", "url": "Task"}},
            ]
            await here.ask(
                Interaction("transaction", body={"resourceType": "Bundle", "type": "transaction", "entry": entries})
            )
            [task] = await here.find("Task", focus="ServiceRequest/o1")
            assert task["code"] == {"text": "远程心电诊断"}
            assert timer_of(task) is not None
            answer = await here.post(report(instant(START)))
            assert answer.status == 201
            assert (await here.get(f"Task/{task['id']}"))["status"] == "completed"

            await here.put(order("o2"))
            answer = await here.post({**own, "focus": {"reference": "ServiceRequest/o2"}, "status": "received"})
            assert answer.status == 200
            [only] = await here.find("Task", focus="ServiceRequest/o2", owner="Organization/centre")
            assert (only["id"], only["status"]) == (told(answer)["id"], "received")

    asyncio.run(go())


def test_a_remote_consultation_ends_with_an_opinion(tmp_path: Path) -> None:
    """Its limit is its own; the opinion of a human about this resident completes it and goes to who asked."""

    async def go() -> None:
        async with county(tmp_path) as here:
            kind = [{"coding": [{"system": "https://fhir.county-hc.example/cs/order-kind", "code": "consultation"}]}]
            to = [{"reference": "Organization/hospital"}]
            await here.put(order(category=kind, performer=to, code={"text": "心内科远程会诊"}))
            [task] = await here.find("Task", code="read-order")
            expert = key("expert", "hospital", "doctor")
            mine = {**task, "status": "in-progress", "owner": {"reference": "Practitioner/expert"}}
            mine = await here.put(mine, principal=expert)
            opinion = {
                "resourceType": "ClinicalImpression",
                "id": "opinion",
                "status": "completed",
                "subject": {"reference": "Patient/li"},
                "date": instant(START),
                "assessor": {"reference": "Practitioner/expert"},
                "summary": "建议加用利尿剂，两周复查。",
            }
            await here.put(opinion)
            output = [{"type": {"text": "会诊意见"}, "valueReference": {"reference": "ClinicalImpression/opinion"}}]
            other = await refused(here, {**mine, "status": "completed", "output": output}, principal=expert)
            assert other.status == 422
            await here.put({**opinion, "subject": {"reference": "Patient/wang"}})
            await here.put({**mine, "status": "completed", "output": output}, principal=expert)
            assert (await here.get("ServiceRequest/o1"))["status"] == "completed"
            [sent] = await here.find("Communication", recipient="Organization/town")
            assert sent["payload"][1]["contentReference"]["reference"] == "ClinicalImpression/opinion"

    asyncio.run(go())
