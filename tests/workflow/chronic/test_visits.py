"""What follows from follow-up visits: registers, the class beside the doctor's own, one next visit, proposals, states
of the calendar, tiers (docs/chronic-care.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from countyfhir.exchange import Account, Interaction, Principal
from countyfhir.outcome import FhirError
from tests.workflow.chronic.county import (
    CS,
    County,
    assessed,
    codes,
    concept,
    condition,
    county,
    glucose,
    pressure,
    visit,
)

FOLLOW_UP = f"{CS}chronic-action|follow-up"
Story = Callable[[County], Awaitable[None]]


def told(path: Path, story: Story, day: str = "2026-11-22") -> None:
    """Run a story in a county of its own."""

    async def go() -> None:
        async with county(path, day) as made:
            await story(made)

    asyncio.run(go())


async def open_tasks(made: County) -> list[dict[str, Any]]:
    """The follow-up Tasks that are open."""
    return await made.search("Task", patient="Patient/p", code=FOLLOW_UP, status="requested")


def due(task: dict[str, Any]) -> str:
    """Its due day."""
    return str(task["restriction"]["period"]["end"])


async def computed(made: County, encounter: str) -> dict[str, Any]:
    """The computed class of a visit."""
    found = await made.search("Observation", encounter=encounter, code=f"{CS}follow-up-item|computed-assessment")
    assert len(found) == 1
    return found[0]


async def seen(made: County, name: str, day: str, told: str, doctors: str = "") -> None:
    """A visit for hypertension on its day."""
    made.clock.set(day)
    more = [assessed(f"{name}-a", day, name, doctors)] if doctors else []
    await made.all_at_once(visit(name, day), pressure(f"{name}-bp", day, told, name), *more)


PROVISIONAL = {
    "verificationStatus": concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "provisional")
}
RESOLVED = {"clinicalStatus": concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "resolved")}
ENROL: list[tuple[str, dict[str, Any], list[str]]] = [
    ("I10.x00", {}, ["hypertension"]),
    ("I10", {}, ["hypertension"]),
    ("I10.X00X002", {}, ["hypertension"]),
    ("I10.x00x016", {}, []),  # white coat
    ("I15.000", {}, []),
    ("E11.300x011+H36.0*", {}, ["fundus-disease", "type-2-diabetes"]),
    ("E11.500x001+I79.2*", {}, ["peripheral-vascular-disease", "type-2-diabetes"]),
    ("E10.900", {}, []),
    ("E78.500", {}, ["dyslipidaemia"]),
    ("I10.x00", PROVISIONAL, []),
    ("I10.x00", RESOLVED, []),
]


def test_a_diagnosis_enrols(tmp_path: Path) -> None:
    """By category, either part of a dual code; not by what is excluded, not certain or over."""

    async def story(made: County) -> None:
        for place, (code, further, expected) in enumerate(ENROL):
            await made.put({"resourceType": "Patient", "id": f"p{place}"})
            await made.put(condition(f"c{place}", code, subject={"reference": f"Patient/p{place}"}, **further))
            found = await made.search("EpisodeOfCare", patient=f"Patient/p{place}", status="active")
            assert sorted(codes(one, "type", "chronic-disease")[0] for one in found) == expected, code

    told(tmp_path, story)


def test_entry_and_exit_are_kept(tmp_path: Path) -> None:
    """Resolved, the resident leaves; a second diagnosis keeps; ill again, the same entry goes on."""

    async def story(made: County) -> None:
        await made.put(condition("one", "I10.x00", recordedDate="2026-01-05"))
        await made.put(condition("two", "I10.x00x002"))
        found = await made.search("EpisodeOfCare", type=f"{CS}chronic-disease|hypertension")
        assert [one["period"] for one in found] == [{"start": "2026-01-05"}]
        await made.put(condition("one", "I10.x00", **RESOLVED))
        assert (await made.read(f"EpisodeOfCare/{found[0]['id']}"))["status"] == "active"
        made.clock.set("2026-12-01")
        await made.put(condition("two", "I10.x00x002", **RESOLVED))
        left = await made.read(f"EpisodeOfCare/{found[0]['id']}")
        assert (left["status"], left["period"]) == ("finished", {"start": "2026-01-05", "end": "2026-12-01"})
        made.clock.set("2027-02-01")
        await made.put(condition("two", "I10.x00x002"))
        again = await made.read(f"EpisodeOfCare/{found[0]['id']}")
        assert [one["status"] for one in again["statusHistory"]] == ["active", "finished", "active"]

    told(tmp_path, story)


def test_other_peoples_conditions_pass_untouched(tmp_path: Path) -> None:
    """I10 of HL7's ICD-10 without the county's profile enrols nobody; with it, it does."""

    async def story(made: County) -> None:
        code = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "I10"}]}
        await made.put(condition("c", "") | {"code": code})
        assert await made.search("EpisodeOfCare") == []
        profile = {"profile": ["https://fhir.county-hc.example/StructureDefinition/county-condition"]}
        await made.put(condition("d", "", meta=profile) | {"code": {**code, "text": "高血压"}})
        assert len(await made.search("EpisodeOfCare")) == 1

    told(tmp_path, story)


def test_satisfied_is_seen_again_in_three_months(tmp_path: Path) -> None:
    """Once the pressure is known; the visit before is closed; nothing is proposed."""

    async def story(made: County) -> None:
        await made.put(condition("c", "I10.x00"))
        await seen(made, "v1", "2026-11-22", "139/89", "1")
        first = await open_tasks(made)
        assert [(due(one), one["intent"], codes(one, "businessStatus", "follow-up-state")) for one in first] == [
            ("2027-02-22", "plan", ["planned"])
        ]
        result = await computed(made, "v1")
        assert codes(result, "valueCodeableConcept", "follow-up-class") == ["satisfied"]
        assert result["method"]["coding"][0]["code"] == "2017.1"
        assert await made.search("ServiceRequest") == []
        await seen(made, "v2", "2027-02-20", "135/80")
        closed = await made.read(f"Task/{first[0]['id']}")
        assert (closed["status"], closed["output"][0]["valueReference"]) == ("completed", {"reference": "Encounter/v2"})
        assert [due(one) for one in await open_tasks(made)] == ["2027-05-20"]
        episode = (await made.search("EpisodeOfCare"))[0]
        assert codes(episode, "type", "stability") == ["stable"]

    told(tmp_path, story)


def test_two_unsatisfied_in_succession_propose_referral(tmp_path: Path) -> None:
    """The first: adjustment and two weeks; the second: fu-1. Corrected, the proposal falls."""

    async def story(made: County) -> None:
        await made.put(condition("c", "I10.x00"))
        await seen(made, "v1", "2026-11-22", "150/95", "1")
        assert [(due(one), one["intent"]) for one in await open_tasks(made)] == [("2026-12-06", "proposal")]
        adjust = await made.search("Task", code=f"{CS}chronic-action|adjust-treatment")
        assert [(one["status"], one["intent"]) for one in adjust] == [("requested", "proposal")]
        assert await made.search("ServiceRequest") == []
        differs = f"{CS}follow-up-item|assessment-comparison${CS}assessment-comparison|differs"
        found = await made.search("Observation", **{"component-code-value-concept": differs})
        assert [one["encounter"]["reference"] for one in found] == ["Encounter/v1"]
        await seen(made, "v2", "2026-12-05", "142/91")
        requests = await made.search("ServiceRequest", status="active")
        assert [(one["intent"], codes(one, "reasonCode", "referral-criteria")) for one in requests] == [
            ("proposal", ["fu-1"])
        ]
        assert [due(one) for one in await open_tasks(made)] == ["2026-12-19"]
        await made.put(pressure("v2-bp", "2026-12-05", "132/81", "v2"))
        assert (await made.search("ServiceRequest"))[0]["status"] == "revoked"
        assert [due(one) for one in await open_tasks(made)] == ["2027-03-05"]
        await made.put(visit("v2", "2026-12-05", status="entered-in-error"))
        assert await open_tasks(made) == []

    told(tmp_path, story)


def test_an_emergency_is_referred_at_once(tmp_path: Path) -> None:
    """fu-5, stat, and seen again within two weeks, whoever wrote what in which order."""

    async def story(made: County) -> None:
        await made.put(visit("v", "2026-11-22"))
        await made.put(pressure("bp", "2026-11-22", "182/112", "v"))
        requests = await made.search("ServiceRequest", priority="stat")
        assert [codes(one, "reasonCode", "referral-criteria") for one in requests] == [["fu-5"]]
        assert [due(one) for one in await open_tasks(made)] == ["2026-12-06"]

    told(tmp_path, story)


def test_several_diseases_share_the_next_visit(tmp_path: Path) -> None:
    """Due on the earliest day, with the days of all; a visit for one of them leaves the other's day."""

    async def story(made: County) -> None:
        await made.all_at_once(condition("c", "I10.x00"), condition("d", "E11.900"))
        await made.all_at_once(
            visit("v", "2026-11-22"),
            pressure("bp", "2026-11-22", "130/80", "v"),
            glucose("g", "2026-11-22", "8.1", "v"),
        )
        task = (await open_tasks(made))[0]
        dues = {codes(one, "type", "chronic-disease")[0]: one["valueDate"] for one in task["input"]}
        assert (due(task), dues) == ("2026-12-06", {"type-2-diabetes": "2026-12-06", "hypertension": "2027-02-22"})
        made.clock.set("2026-12-06")
        await made.all_at_once(visit("w", "2026-12-06", "糖尿病随访"), glucose("h", "2026-12-06", "6.5", "w"))
        assert [due(one) for one in await open_tasks(made)] == ["2027-02-22"]

    told(tmp_path, story)


def test_the_calendar_moves_the_state(tmp_path: Path) -> None:
    """Planned, due a week before, overdue the day after, lost three months later: ordinary searches find each."""

    async def story(made: County) -> None:
        await seen(made, "v", "2026-11-22", "130/80")
        for day, state, mark in (
            ("2027-02-14", "planned", None),
            ("2027-02-15", "due", "warning"),
            ("2027-02-22", "due", "warning"),
            ("2027-02-23", "overdue", "overdue"),
            ("2027-05-24", "lost", "overdue"),
        ):
            await made.tick(day)
            found = await made.search("Task", **{"business-status": f"{CS}follow-up-state|{state}"})
            assert [one["id"] for one in found] == [(await open_tasks(made))[0]["id"]], day
            tags = [one["code"] for one in found[0].get("meta", {}).get("tag", ())]
            assert tags == ([mark] if mark else [])

    told(tmp_path, story)


def test_tiers_hand_over(tmp_path: Path) -> None:
    """A new case belongs to the township; it alone completes; stable, the resident goes back to the village."""

    async def story(made: County) -> None:
        await made.put(condition("c", "I10.x00"))
        tasks = await made.search("Task", code=f"{CS}chronic-action|hand-over", status="requested")
        assert [one["owner"]["reference"] for one in tasks] == ["Organization/township"]
        village = Principal("v", "key", "village", (), ("system/*.cruds",))
        with pytest.raises(FhirError) as caught:
            await made.put({**tasks[0], "status": "completed"}, as_=village)
        assert caught.value.status == 403
        township = Principal("t", "key", "township", (), ("system/*.cruds",))
        await made.put({**tasks[0], "status": "completed"}, as_=township)
        episode = (await made.search("EpisodeOfCare"))[0]
        assert (codes(episode, "type", "institution-tier"), episode["managingOrganization"]) == (
            ["township"],
            {"reference": "Organization/township"},
        )
        await seen(made, "v1", "2026-11-22", "130/80")
        back = await made.search("Task", code=f"{CS}chronic-action|hand-over", status="requested")
        assert [one["owner"]["reference"] for one in back] == ["Organization/village"]

    told(tmp_path, story)


def test_what_an_intake_brings_is_history_unless_it_is_recent(tmp_path: Path) -> None:
    """Last year's visit recalls nobody; that of last week is followed up; it counts as the visit before."""

    async def story(made: County) -> None:
        await made.put(condition("c", "I10.x00"))
        for name, day in (("old", "2025-11-01"), ("late", "2026-11-15")):
            resources = (
                visit(name, day),
                pressure(f"{name}-bp", day, "150/95", name),
                assessed(f"{name}-a", day, name, "2"),
            )
            entries = [
                {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
                for one in resources
            ]
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
            await made.opened.perform(Interaction("transaction", body=bundle, account=Account()))
        assert [(due(one), one["encounter"]) for one in await open_tasks(made)] == [
            ("2026-11-29", {"reference": "Encounter/late"})
        ]
        assert await made.search("Observation", encounter="old", code=f"{CS}follow-up-item|computed-assessment") == []

    told(tmp_path, story)


def test_nobody_follows_up_the_dead(tmp_path: Path) -> None:
    """The registers end, the next visit is called off."""

    async def story(made: County) -> None:
        await made.put(condition("c", "I10.x00"))
        await seen(made, "v", "2026-11-22", "150/95")
        await made.put({**await made.read("Patient/p"), "deceasedDateTime": "2026-11-21"})
        assert await open_tasks(made) == []
        assert [one["status"] for one in await made.search("EpisodeOfCare")] == ["finished"]

    told(tmp_path, story)


def test_what_is_stored_already_is_enrolled_on_request(tmp_path: Path) -> None:
    """After an intake: registers, and the next visit after the last one of the year; nothing is proposed."""

    async def story(made: County) -> None:
        history = [condition("c", "I10.x00", recordedDate="2024-03-01")]
        for name, day in (("v1", "2026-03-01"), ("v2", "2026-08-01")):
            history += [visit(name, day), pressure(f"{name}-bp", day, "150/95", name)]
        entries = [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in history
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        await made.opened.perform(Interaction("transaction", body=bundle, account=Account()))
        assert await made.search("EpisodeOfCare") == []
        asking = Interaction("operation", "EpisodeOfCare", operation="$enrol", http_method="POST")
        for _ in range(2):
            answer = await made.opened.perform(asking)
            assert isinstance(answer.body, dict)
            told_ = {one["name"]: one.get("valueInteger") for one in answer.body["parameter"]}
        assert told_ == {"residents": 1, "written": 0}  # the second time nothing is new
        assert [one["period"]["start"] for one in await made.search("EpisodeOfCare")] == ["2024-03-01"]
        tasks = await open_tasks(made)
        assert [(due(one), codes(one, "businessStatus", "follow-up-state")) for one in tasks] == [
            ("2026-08-15", ["lost"])
        ]
        assert await made.search("ServiceRequest") == []

    told(tmp_path, story)
