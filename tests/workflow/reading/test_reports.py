"""An order becomes a Task on the clock; its report stops it and goes to who asked; corrections are told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from countyfhir.outcome import FhirError
from countyfhir.workflow.timing import instant, mark_of, timer_of
from tests.workflow.reading.county import CARD, LI, MINUTE, START, WANG, County, Resource, county, order, report, told


async def the_task(here: County, name: str = "o1") -> Resource:
    """The Task of an order."""
    [found] = await here.find("Task", focus=f"ServiceRequest/{name}", code="read-order")
    return found


def test_an_order_is_a_task_with_a_clock_and_its_report_completes_it(tmp_path: Path) -> None:
    """Made by the server with the order; the report is matched by numbers, delivered, the order is completed. The same
    report again makes nothing; another content is a new version that everybody is told of."""

    async def go() -> None:
        async with county(tmp_path) as here:
            await here.put(order())
            task = await the_task(here)
            assert task["restriction"]["period"]["end"] == instant(START + 30 * MINUTE)
            assert timer_of(task) == START + 20 * MINUTE
            await here.wait(20)
            assert mark_of(await the_task(here)) == "warning"
            sent = report(instant(START + 20 * MINUTE))
            answer = await here.post(sent)
            made = told(answer)
            assert answer.status == 201
            assert made["subject"]["reference"] == "Patient/wang"
            assert made["basedOn"][0]["reference"] == "ServiceRequest/o1"
            done = await the_task(here)
            assert (done["status"], mark_of(done), timer_of(done)) == ("completed", None, None)
            assert (await here.get("ServiceRequest/o1"))["status"] == "completed"
            [delivered] = await here.find("Communication", recipient="Organization/town")
            assert delivered["payload"][1]["contentReference"]["reference"] == f"DiagnosticReport/{made['id']}"

            again = await here.post(sent)
            assert (again.status, told(again)["id"], told(again)["meta"]["versionId"]) == (200, made["id"], "1")
            assert len(await here.find("DiagnosticReport")) == 1
            here.at += 90 * MINUTE
            changed = {**sent, "status": "corrected", "issued": instant(here.at), "conclusion": "房颤"}
            newer = await here.post(changed)
            assert (newer.status, told(newer)["id"], told(newer)["meta"]["versionId"]) == (200, made["id"], "2")
            overtaken = await here.post(sent)
            assert told(overtaken)["meta"]["versionId"] == "2"
            [alert] = await here.find("Task", code="corrected-report", owner="Organization/town")
            assert alert["focus"]["reference"] == f"DiagnosticReport/{made['id']}"
            assert len(await here.find("Communication", category="report-corrected")) == 1
            outputs = [one for one in (await the_task(here))["output"] if "valueInstant" in one]
            assert outputs[0]["valueInstant"] == instant(START + 20 * MINUTE)  # an amendment never resets the clock
            assert mark_of(await the_task(here)) is None
            await here.wait(121)
            assert mark_of(await here.get(f"Task/{alert['id']}")) == "overdue"
            wrong = {**told(newer), "status": "entered-in-error"}
            await here.put(wrong)
            assert (await the_task(here))["status"] == "in-progress"
            with pytest.raises(FhirError) as refused:
                await here.put({**wrong, "status": "final"})
            assert refused.value.status == 422

    asyncio.run(go())


def test_the_limit_itself_is_in_time(tmp_path: Path) -> None:
    """30 min 0 s: within; a thousandth later: late, marked, and both sides know it when the time has passed."""

    async def go() -> None:
        async with county(tmp_path) as here:
            for name in ("o1", "o2", "o3"):
                await here.put(order(name))
            await here.wait(30)
            assert {mark_of(one) for one in await here.find("Task", code="read-order")} == {"warning"}
            await here.post(report(instant(START + 30 * MINUTE), "R1", "o1"))
            here.at += 1000
            await here.post(report(instant(START + 30 * MINUTE + 1000), "R2", "o2"))
            await here.wait(0)
            told_late = await here.find("Communication", category="overdue")
            assert len(told_late) == 1
            named = {one["reference"] for one in told_late[0]["recipient"]}
            assert named == {"Organization/town", "Organization/centre"}
            late = await here.find("Task", _tag="https://fhir.county-hc.example/cs/deadline|overdue")
            assert {one["focus"]["reference"] for one in late} == {"ServiceRequest/o2", "ServiceRequest/o3"}
            assert {one["status"] for one in late} == {"completed", "requested"}
            assert mark_of(await the_task(here, "o1")) is None

    asyncio.run(go())


def test_a_device_is_preliminary_until_a_person_verifies(tmp_path: Path) -> None:
    """It does not stop the clock, cannot set final, and is marked; a named practitioner makes it final."""

    async def go() -> None:
        async with county(tmp_path) as here:
            await here.put({"resourceType": "Device", "id": "ai"})
            await here.put(order())
            url = "urn:uuid:0d1f7f57-3d3f-4a55-9a3c-0a3d5b1c7e11"
            sent = {**report(instant(START)), "status": "preliminary"}
            who = {
                "resourceType": "Provenance",
                "target": [{"reference": url}],
                "recorded": instant(START),
                "agent": [{"who": {"reference": "Device/ai"}}],
            }
            answer = await bundle(here, {**sent, "status": "final"}, who, url)
            assert isinstance(answer, FhirError)
            assert (answer.status, answer.issues[0].expression) == (422, ("Bundle.entry[0].resource.status",))
            assert "署名医师核实" in answer.issues[0].diagnostics
            await bundle(here, sent, who, url)
            [made] = await here.find("DiagnosticReport", _tag="device")
            task = await the_task(here)
            assert task["status"] == "requested"
            assert timer_of(task) is not None
            here.at += 31 * MINUTE
            by = {"resultsInterpreter": [{"reference": "Practitioner/zhao"}]}
            with pytest.raises(FhirError):
                await here.put({**made, "status": "final"})
            stored = await here.put({**made, "status": "final", **by})
            assert [one["code"] for one in stored["meta"]["tag"]] == ["verified"]
            done = await the_task(here)
            assert done["status"] == "completed"
            assert mark_of(done) == "overdue"  # issued by a human now, not when the device said so

            await here.put(order("o2"))
            plain = told(await here.post(report(instant(here.at), "R2", "o2", status="preliminary")))
            only = {**who, "target": [{"reference": f"DiagnosticReport/{plain['id']}"}]}
            await here.post(only)
            assert len(await here.find("DiagnosticReport", _tag="device")) == 1
            await here.put(order("o3"))
            final = told(await here.post(report(instant(here.at), "R3", "o3")))
            with pytest.raises(FhirError) as refused:
                await here.post({**only, "target": [{"reference": f"DiagnosticReport/{final['id']}"}]})
            assert refused.value.status == 422

    asyncio.run(go())


async def bundle(here: County, one: Resource, other: Resource, url: str) -> FhirError | None:
    """A transaction of a report and its Provenance; the error, when it is refused."""
    from countyfhir.exchange import Interaction

    entries = [
        {"fullUrl": url, "resource": one, "request": {"method": "POST", "url": one["resourceType"]}},
        {"resource": other, "request": {"method": "POST", "url": other["resourceType"]}},
    ]
    body = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    try:
        await here.ask(Interaction("transaction", body=body))
    except FhirError as error:
        return error
    return None


def test_a_report_in_a_bundle_is_known_too(tmp_path: Path) -> None:
    """What refers to its new id in the bundle refers to the report that is here."""

    async def go() -> None:
        async with county(tmp_path) as here:
            await here.put(order())
            first = told(await here.post(report(instant(START))))
            url = "urn:uuid:0d1f7f57-3d3f-4a55-9a3c-0a3d5b1c7e12"
            who = {
                "resourceType": "Provenance",
                "target": [{"reference": url}],
                "recorded": instant(START),
                "agent": [{"who": {"reference": "Organization/centre"}}],
            }
            assert await bundle(here, report(instant(START)), who, url) is None
            assert [one["meta"]["versionId"] for one in await here.find("DiagnosticReport")] == ["1"]
            [kept] = await here.find("Provenance")
            assert kept["target"][0]["reference"] == f"DiagnosticReport/{first['id']}"

    asyncio.run(go())


def test_the_same_at_once_is_one_report_and_one_claim(tmp_path: Path) -> None:
    """Four identical POSTs make one report; of three readers at once, without If-Match, one has it."""

    async def go() -> None:
        async with county(tmp_path) as here:
            await here.put(order())
            sent = report(instant(START), status="preliminary")
            answers = await asyncio.gather(*(here.post(sent) for _ in range(4)))
            assert sorted(one.status for one in answers) == [200] * 3 + [201]
            assert len({told(one)["id"] for one in answers}) == 1
            await here.put(order("o2"))
            task = await the_task(here, "o2")
            claims = [{**task, "status": "accepted", "owner": {"reference": f"Practitioner/r{n}"}} for n in range(3)]
            ends = await asyncio.gather(*(here.put(one) for one in claims), return_exceptions=True)
            lost = [one for one in ends if isinstance(one, FhirError)]
            assert [one.status for one in lost] == [409] * 2

    asyncio.run(go())


def test_results_go_where_their_report_goes(tmp_path: Path) -> None:
    """Results that name the person by number get our reference; those of a held report wait with it."""

    async def go() -> None:
        async with county(tmp_path) as here:
            await here.put(order())
            value = {
                "resourceType": "Observation",
                "status": "final",
                "code": {"text": "心率"},
                "valueQuantity": {"value": 72, "unit": "/min"},
            }
            by_number = {**value, "subject": {"identifier": {"system": CARD, "value": WANG}}}
            await results(here, report(instant(START)), by_number)
            assert len(await here.find("Observation", patient="wang")) == 1
            await here.put(order("o2"))
            of_li = {**value, "subject": {"reference": "Patient/li"}}
            await results(here, report(instant(START), "R2", "o2", card=LI), of_li)
            assert await here.find("Observation", patient="li") == []
            [waiting] = await here.find("Observation", _tag="held")
            assert "subject" not in waiting

    asyncio.run(go())


async def results(here: County, one: Resource, value: Resource) -> None:
    """A transaction of a report with one result."""
    url = "urn:uuid:0d1f7f57-3d3f-4a55-9a3c-0a3d5b1c7e13"
    refused = await bundle(here, value, {**one, "result": [{"reference": url}]}, url)
    assert refused is None
