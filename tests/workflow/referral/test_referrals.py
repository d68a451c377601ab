"""What a referral needs, what follows from its steps, and what its clock does (DOMAIN 1-B, 5.5)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from countyfhir.exchange import Interaction, Preconditions
from countyfhir.interactions import timers
from countyfhir.outcome import FhirError
from countyfhir.workflow.timing import instant, mark_of
from tests.workflow.referral import county
from tests.workflow.referral.county import COUNTY, LOCAL, OTHER, TOWNSHIP, VILLAGE, Clinic, clinic, to

STAT = {"priority": "stat"}


def said(answer: tuple[int, str], status: int, *words: str) -> None:
    """The answer has the status and says the words."""
    assert answer[0] == status, answer
    assert [one for one in words if one not in answer[1]] == [], answer


async def to_stamp(server: Clinic, request: dict[str, Any], name: str = "t", **more: Any) -> None:
    """A referral that waits for its stamp."""
    parties = {"requester": request["requester"], "owner": request["performer"][0]}
    await server.taken_in(request, county.task("awaiting-stamp", name, request["id"], **parties, **more))


def test_what_must_be_there_before_sending(tmp_path: Path) -> None:
    """Consent, a criterion, prior data, an agreement or the reason for none, the way through the township: each is
    named when it is missing, in both languages; with all of them the number is given and the stamp signed."""

    async def go() -> None:
        async with clinic(tmp_path) as server:
            bare = county.request(reasonCode=[{"text": "头晕"}], requester=to("Organization/other"))
            bare.pop("note")
            await to_stamp(server, bare)
            refused = await server.tried(county.task("sent"), OTHER)
            said(
                refused,
                422,
                "consent",
                "知情同意",
                "criterion",
                "上转指征",
                "Prior",
                "前期诊疗信息",
                "agreement",
                "协议",
            )
            outside = {"url": LOCAL + "StructureDefinition/agreement-exception", "valueString": "专科特色"}
            full = county.request(requester=to("Organization/other"), extension=[outside])
            assert (await server.tried(full, OTHER))[0] == 200
            await server.put(county.consent(), OTHER)
            said(await server.tried(county.task("sent"), OTHER), 200)
            sent, request = await server.get("Task", "t"), await server.get("ServiceRequest", "r")
            (number,) = [one["value"] for one in request["identifier"]]
            assert (len(number), number[:6], number.isdigit()) == (24, "370523", True)
            assert sent["identifier"] == request["identifier"]
            steps = await server.found("Provenance", target="Task/t")
            assert [one["activity"]["coding"][0]["code"] for one in steps] == ["sent"]
            assert steps[0]["signature"][0]["who"]["reference"] == "Organization/other"
            assert steps[0]["extension"][0]["valueCode"] == "awaiting-stamp"
            beyond = county.request("v", requester=to("Organization/village"))
            await server.taken_in(county.consent("cv", "v"))
            await to_stamp(server, beyond, "tv")
            said(await server.tried(county.task("sent", "tv", "v"), VILLAGE), 422, "township", "乡镇卫生院")
            await server.taken_in(county.request("v", requester=to("Organization/village"), **STAT))
            said(await server.tried(county.task("sent", "tv", "v"), VILLAGE), 200, "escort", "护送")
            wrong = county.request("w", requester=to("Organization/county"), performer=[to("Organization/township")])
            await to_stamp(server, wrong, "tw")
            said(await server.tried(county.task("sent", "tw", "w"), COUNTY), 422, "county to a township")

    asyncio.run(go())


def test_agreements_end_with_their_period(tmp_path: Path) -> None:
    """An affiliation or a contract covers a pair while it is in force; a common lead covers its members."""

    async def go() -> None:
        async with clinic(tmp_path) as server:
            await server.put({"resourceType": "Organization", "id": "city", "name": "市医院"})
            contract: dict[str, Any] = {"resourceType": "Contract", "id": "x", "status": "executed"}
            contract["subject"] = [to("Organization/city"), to("Organization/other")]
            cases = [
                ("ended", [county.affiliation("ended", "city", "township", period={"end": "2020-01-01"})], False),
                ("inactive", [county.affiliation("ended", "city", "township", active=False)], False),
                ("led", [county.affiliation("led", "county", "city")], True),
                ("contract", [{**contract, "applies": {"end": "2021-01-01"}}], False),
                ("in-force", [contract], True),
            ]
            for name, agreements, holds in cases:
                sender = "other" if agreements[0]["resourceType"] == "Contract" else "township"
                await server.bundle(*agreements)
                request = county.request(
                    name, requester=to(f"Organization/{sender}"), performer=[to("Organization/city")]
                )
                await server.taken_in(county.consent(f"c-{name}", name))
                await to_stamp(server, request, name)
                answer = await server.tried(county.task("sent", name, name), county.principal(sender))
                assert answer[0] == (200 if holds else 422), (name, answer)

    asyncio.run(go())


def test_downward_goes_with_four_things(tmp_path: Path) -> None:
    """Results, plan, rehabilitation and drugs, in the slip or beside it; drugs the target has not are named; completed
    means that the township confirms the first follow-up."""

    async def go() -> None:
        async with clinic(tmp_path) as server:
            drug = {"resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "order"}
            drug |= {"subject": to("Patient/p"), "medicationCodeableConcept": {"text": "沙库巴曲缬沙坦"}}
            await server.bundle(drug, county.slip(主要检查结果="", 康复建议=""), county.consent())
            await to_stamp(server, county.downward(supportingInfo=[to("Composition/slip")]))
            refused = await server.tried(county.task("sent"), COUNTY)
            said(
                refused,
                422,
                "missing: results, rehabilitation guidance, current drugs",
                "缺：检查结果、康复指导、目前用药",
            )
            await server.put(county.slip())
            await server.taken_in(county.downward())
            said(
                await server.tried(county.task("sent"), COUNTY),
                200,
                "stock of these is unknown: 沙库巴曲缬沙坦",
                "无法确认",
            )
            listed: dict[str, Any] = {"resourceType": "Group", "id": "f", "active": True, "type": "medication"}
            listed |= {"actual": False, "managingEntity": to("Organization/township")}
            listed["code"] = {"coding": [{"system": LOCAL + "cs/medication-list", "code": "formulary"}]}
            for name, expected in (("缬沙坦", "Not in the drug list"), ("沙库巴曲缬沙坦", "")):
                has = {"code": {"text": "药品"}, "valueCodeableConcept": {"text": name}, "exclude": False}
                await server.put({**listed, "characteristic": [has]})
                await to_stamp(server, county.downward())
                answer = await server.tried(county.task("sent"), COUNTY)
                assert answer[0] == 200
                assert ("沙库巴曲缬沙坦" in answer[1], expected in answer[1]) == (bool(expected), True)
            for state in ("received", "accepted", "arrived", "returning"):
                said(await server.tried(county.task(state), TOWNSHIP), 200)
            said(await server.tried(county.task("completed"), TOWNSHIP), 422, "first follow-up", "首次随访")
            await server.put(follow_up_visit())
            done = county.task("completed", output=county.output("Encounter/visit"))
            said(await server.tried(done, COUNTY), 403)
            said(await server.tried(done, TOWNSHIP), 200)
            (next_one,) = await server.found("Task", part_of="Task/t")
            assert (next_one["owner"], next_one["code"]["text"]) == (to("Organization/township"), "转后随访")

    asyncio.run(go())


def follow_up_visit() -> dict[str, Any]:
    """The first visit at home after a referral downward."""
    coded = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"}
    return {
        "resourceType": "Encounter",
        "id": "visit",
        "status": "finished",
        "class": coded,
        "subject": to("Patient/p"),
    }


def test_an_emergency_comes_first_and_its_consent_follows(tmp_path: Path) -> None:
    """Accepted in one step without consent; after 24 hours a Flag, which the consent ends."""

    async def go() -> None:
        async with clinic(tmp_path) as server:
            authored = {"authoredOn": instant(server.world.now())}
            request = county.request(status="active", requester=to("Organization/village"), **STAT)
            await server.bundle(request, county.task("accepted", **authored), who=VILLAGE)
            assert (await server.get("Task", "t"))["priority"] == "stat"
            (begun,) = await server.found("Provenance", target="Task/t")
            assert begun["agent"][0]["who"]["reference"] == "Organization/village"
            server.later(23)
            await timers.act(server.world)
            assert await server.found("Flag", patient="Patient/p") == []
            server.later(2)
            await timers.act(server.world)
            (flag,) = await server.found("Flag", patient="Patient/p")
            assert (flag["status"], "知情同意" in flag["code"]["text"]) == ("active", True)
            assert mark_of(await server.get("Task", "t")) == "overdue"
            await server.put(county.consent(), VILLAGE)
            assert (await server.get("Flag", flag["id"]))["status"] == "inactive"

    asyncio.run(go())


def test_the_clock_warns_marks_and_closes(tmp_path: Path) -> None:
    """A referral sent in routine: warned of after 54 hours, overdue after 72, closed by the server after seven days.
    Work lists are ordinary searches. A return slip unconfirmed for 48 hours is warned of and never closed."""

    async def go() -> None:
        async with clinic(tmp_path, county.consent(), county.slip()) as server:
            await to_stamp(server, county.request())
            await server.put(county.task("sent"), TOWNSHIP)
            overdue = LOCAL + "cs/deadline|overdue"
            receiving = {"owner": "Organization/county", "business_status": county.STATE + "|sent"}
            assert len(await server.found("Task", **receiving)) == 1
            marks = []
            for hours in (53, 2, 16, 2, 94, 2):
                server.later(hours)
                while await timers.act(server.world):
                    pass
                found = await server.found("Task", _tag=overdue, owner="Organization/county")
                marks.append((mark_of(await server.get("Task", "t")), len(found)))
            assert marks == [(None, 0), ("warning", 0), ("warning", 0), ("overdue", 1), ("overdue", 1), (None, 0)]
            closed = await server.get("Task", "t")
            assert (closed["status"], "超时" in closed["statusReason"]["text"]) == ("failed", True)
            assert (await server.get("ServiceRequest", "r"))["status"] == "revoked"
            steps = await server.found("Provenance", target="Task/t", _sort="recorded")
            assert steps[-1]["agent"][0]["who"] == {"display": "CountyFHIR"}
            parties = {"requester": to("Organization/township"), "owner": to("Organization/county")}
            await server.taken_in(county.request("r2", status="active"), county.task("arrived", "t2", "r2", **parties))
            await server.put(county.task("returning", "t2", "r2", output=county.output("Composition/slip")), COUNTY)
            server.later(49)
            await timers.act(server.world)
            assert mark_of(await server.get("Task", "t2")) == "warning"
            server.later(1000)
            await timers.act(server.world)
            waiting = await server.get("Task", "t2")
            assert (waiting["status"], mark_of(waiting)) == ("in-progress", "overdue")

    asyncio.run(go())


def test_either_resource_may_be_written_and_the_other_follows(tmp_path: Path) -> None:
    """The request's own status moves the Task where that is clear; otherwise it is refused; a bundle must agree with
    itself; what was agreed stays; a retry is answered as the first time; If-Match guards."""

    async def go() -> None:
        async with clinic(tmp_path, county.consent()) as server:
            await server.bundle(county.request(), county.task("awaiting-stamp"), who=TOWNSHIP)
            request = await server.get("ServiceRequest", "r")
            said(await server.tried({**request, "status": "completed"}, TOWNSHIP), 422, "sent")
            assert (await server.tried({**request, "status": "active"}, COUNTY))[0] in (403, 404)
            said(await server.tried({**request, "status": "active"}, TOWNSHIP), 200)
            task = await server.get("Task", "t")
            assert (task["businessStatus"]["coding"][0]["code"], task["businessStatus"]["text"]) == ("sent", "待受理")
            said(await server.tried({**request, "status": "revoked"}, TOWNSHIP), 422, "statusReason")
            with pytest.raises(FhirError) as caught:
                await server.bundle({**request, "status": "completed"}, county.task("received"), who=COUNTY)
            assert (caught.value.status, "goes with active" in str(caught.value)) == (422, True)
            for name in ("for", "focus", "requester"):
                other = {"for": "Patient/q", "focus": "ServiceRequest/q", "requester": "Organization/county"}[name]
                assert (await server.tried({**task, name: to(other)}, TOWNSHIP))[0] in (400, 422)
            assert (await server.tried({**task, "description": "x"}, OTHER))[0] in (403, 404)
            first = (await server.get("Task", "t"))["meta"]["versionId"]
            received = county.task("received", owner=to("Organization/ward"))
            received["businessStatus"]["text"] = "待受理"  # as a patch leaves it
            said(await server.tried(received, COUNTY, preconditions=Preconditions(if_match=f'W/"{first}"')), 200)
            assert (await server.get("Task", "t"))["businessStatus"]["text"] == "已签收"
            with pytest.raises(FhirError) as caught:
                await server.put(received, COUNTY, preconditions=Preconditions(if_match=f'W/"{first}"'))
            assert caught.value.status == 412
            said(await server.tried(received, COUNTY), 200)
            assert len(await server.found("Provenance", target="Task/t")) == 3
            assert (await server.get("ServiceRequest", "r"))["identifier"] == request["identifier"]
            unmarked = {name: value for name, value in request.items() if name != "category"}
            said(await server.tried({**unmarked, "status": "active"}, TOWNSHIP), 422, "stays a referral")
            said(await server.tried({**task, "businessStatus": {"text": "x"}}, COUNTY), 422, "referral-state")
            said(await server.tried(county.task("draft", "second"), TOWNSHIP), 422, "has its Task already")

    asyncio.run(go())


def test_only_drafts_are_deleted_and_other_tasks_pass(tmp_path: Path) -> None:
    """A sent referral is entered in error instead; Tasks and requests of other people are not looked at."""

    async def go() -> None:
        async with clinic(tmp_path) as server:
            await server.bundle(county.request(), county.task("draft"), who=TOWNSHIP)
            await server.bundle(county.request("r2"), county.task("awaiting-consent", "t2", "r2"), who=TOWNSHIP)
            with pytest.raises(FhirError) as caught:
                await server.ask(Interaction("delete", "Task", "t2", principal=TOWNSHIP))
            assert caught.value.status == 422
            for kind, name in (("Task", "t"), ("ServiceRequest", "r")):
                assert (await server.ask(Interaction("delete", kind, name, principal=TOWNSHIP))).status == 204
            foreign = {"resourceType": "Task", "id": "f", "status": "ready", "intent": "plan"}
            said(await server.tried(foreign, OTHER), 201)
            said(await server.tried({**foreign, "status": "completed"}, OTHER), 200)

    asyncio.run(go())


def test_a_referral_goes_on_upward_and_the_first_waits_for_it(tmp_path: Path) -> None:
    """Village to township to county: the second is part of the first, which reports when the resident is cared for
    above and is completed after it."""

    async def go() -> None:
        async with clinic(tmp_path, county.slip("slip2", "r2")) as server:
            first = county.request(requester=to("Organization/village"), performer=[to("Organization/township")])
            parties = {"requester": to("Organization/village"), "owner": to("Organization/township")}
            await server.taken_in({**first, "status": "active"}, county.task("arrived", **parties))
            await server.taken_in(county.consent("c2", "r2"))
            again = county.task("draft", "t2", "r2", partOf=[to("Task/t")])
            said(await server.tried(county.task("draft", "tx", "rx", partOf=[to("Task/t")]), OTHER), 422)
            await server.bundle(county.request("r2"), again, who=TOWNSHIP)
            assert (await server.get("ServiceRequest", "r2"))["basedOn"] == [to("ServiceRequest/r")]
            for state, who in (
                ("awaiting-consent", TOWNSHIP), ("awaiting-stamp", TOWNSHIP), ("sent", TOWNSHIP),
                ("received", COUNTY), ("accepted", COUNTY), ("arrived", COUNTY),
            ):  # fmt: skip
                said(await server.tried(county.task(state, "t2", "r2", partOf=[to("Task/t")]), who), 200)
            assert (await server.get("Task", "t"))["businessStatus"]["text"] == "中期反馈"
            done = county.output("Composition/slip2")
            elsewhere = county.task("arrived", "t2", "r2", partOf=[to("Task/x")])
            said(await server.tried(elsewhere, COUNTY), 422, "partOf")
            said(await server.tried(county.task("returning", output=done), TOWNSHIP), 422, "still open", "尚未结束")
            said(await server.tried(county.task("returning", "t2", "r2", output=done), COUNTY), 200)
            await server.put(county.slip("own", "r2", "township"))
            own = county.task("completed", "t2", "r2", output=county.output("Composition/own"))
            said(await server.tried(own, TOWNSHIP), 422, "by the receiver")
            said(await server.tried(county.task("completed", "t2", "r2", output=done), TOWNSHIP), 200)
            said(await server.tried(county.task("returning", output=done), TOWNSHIP), 200)
            said(await server.tried(county.task("completed", output=done), VILLAGE), 200)

    asyncio.run(go())


def slot(name: str, status: str = "free") -> dict[str, Any]:
    """An hour of a consultant."""
    times = {"start": "2026-12-01T08:00:00+08:00", "end": "2026-12-01T08:30:00+08:00"}
    return {"resourceType": "Slot", "id": name, "schedule": to("Schedule/s"), "status": status, **times}


def appointment(name: str, request: str = "r", status: str = "booked", taken: str = "s1") -> dict[str, Any]:
    """A booking for a referral."""
    return {
        "resourceType": "Appointment",
        "id": name,
        "status": status,
        "basedOn": [to(f"ServiceRequest/{request}")],
        "slot": [to(f"Slot/{taken}")],
        "start": "2026-12-01T08:00:00+08:00",
        "end": "2026-12-01T08:30:00+08:00",
        "participant": [{"actor": to("Patient/p"), "status": "accepted"}],
    }


def test_appointments_take_their_slots_and_move_the_referral(tmp_path: Path) -> None:
    """Booked by the receiving desk: the slot is busy, a second booking is 409, the referral scheduled; missed or
    cancelled it moves on and the slot is free again; an examination takes slots too; a referral that ends ends them."""

    async def go() -> None:
        plan = {"resourceType": "Schedule", "id": "s", "actor": [to("Organization/ward")]}
        plan["actor"] = [{"display": "心内科专家门诊"}]
        async with clinic(tmp_path, plan, slot("s1"), slot("s2"), county.consent()) as server:
            for name in ("", "2"):
                await server.taken_in(county.request(f"r{name}", status="active"))
                parties = {"requester": to("Organization/township"), "owner": to("Organization/county")}
                await server.taken_in(county.task("accepted", f"t{name}", f"r{name}", **parties))
            said(await server.tried(appointment("a"), TOWNSHIP), 403)
            said(await server.tried(appointment("a"), COUNTY), 201)
            assert (await server.get("Slot", "s1"))["status"] == "busy"
            assert (await server.get("Task", "t"))["businessStatus"]["coding"][0]["code"] == "scheduled"
            said(await server.tried(appointment("b", "r2"), COUNTY), 409, "号源")
            said(await server.tried(appointment("a", status="cancelled"), TOWNSHIP), 200)
            assert (await server.get("Slot", "s1"))["status"] == "free"
            assert (await server.get("Task", "t"))["businessStatus"]["coding"][0]["code"] == "appointment-cancelled"
            said(await server.tried(appointment("b", "r2"), COUNTY), 201)
            reason = {"statusReason": {"text": "误录"}}
            said(await server.tried(county.task("error", "t2", "r2", **reason), TOWNSHIP), 200)
            assert (await server.get("Appointment", "b"))["status"] == "entered-in-error"
            assert (await server.get("Slot", "s1"))["status"] == "free"
            order = {**county.request("x", status="active"), "category": [{"text": "影像检查"}]}
            order["meta"] = {"profile": [LOCAL + "StructureDefinition/county-imaging-order"]}
            await server.taken_in(order)
            both = await asyncio.gather(
                *(server.tried(appointment(f"g{number}", "x", taken="s2"), COUNTY) for number in range(3))
            )
            assert sorted(one[0] for one in both) == [201, 409, 409]
            said(await server.tried(appointment("again"), COUNTY), 201)
            visit = follow_up_visit() | {"id": "come", "status": "in-progress", "basedOn": [to("ServiceRequest/r")]}
            said(await server.tried(visit, COUNTY), 201)
            assert (await server.get("Task", "t"))["businessStatus"]["coding"][0]["code"] == "arrived"

    asyncio.run(go())


def test_numbers_are_unique_under_concurrency(tmp_path: Path) -> None:
    """Twenty at once have twenty numbers."""

    async def go() -> None:
        async with clinic(tmp_path) as server:
            await asyncio.gather(*(server.put(county.request(f"n{number}"), TOWNSHIP) for number in range(12)))
            found = await server.found("ServiceRequest", subject="Patient/p", _count="50")
            assert len({one["identifier"][0]["value"] for one in found}) == 12

    asyncio.run(go())


def test_a_legacy_referral_without_its_slip_is_in_care(tmp_path: Path) -> None:
    """Intake takes any state; completed without a slip becomes arrived (DOMAIN 5.5)."""

    async def go() -> None:
        async with clinic(tmp_path, county.slip()) as server:
            await server.taken_in(county.request(status="completed"), county.task("completed"))
            assert (await server.get("Task", "t"))["status"] == "in-progress"
            assert (await server.get("ServiceRequest", "r"))["status"] == "active"
            await server.taken_in(county.slip("late"))
            proved = await server.get("Task", "t")
            assert (proved["status"], proved["output"][0]["valueReference"]) == ("completed", to("Composition/late"))
            assert (await server.get("ServiceRequest", "r"))["status"] == "completed"
            done = county.task("completed", "t2", "r2", output=county.output("Composition/slip"))
            await server.taken_in(county.request("r2", status="completed"), done)
            assert (await server.get("Task", "t2"))["status"] == "completed"

    asyncio.run(go())
