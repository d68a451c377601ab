"""A family-doctor contract is signed in one call, is the only one of its person at a time, counts what it delivers, and
ends with everything that hangs on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from countyfhir.app import Opened, open_world
from countyfhir.exchange import Interaction
from countyfhir.interactions.perform import perform
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.settings import load
from countyfhir.workflow.contracts.promised import due_dates
from countyfhir.workflow.contracts.reading import days_of
from countyfhir.workflow.timing import mark_of, micros
from tests.stores import store_at

ID_CARD = "urn:oid:2.16.156.10011.1.3"
PEOPLE: list[dict[str, Any]] = [
    {"resourceType": "Organization", "id": "liuhe", "name": "柳河镇中心卫生院"},
    {"resourceType": "Organization", "id": "county", "name": "青禾县人民医院"},
    {"resourceType": "Patient", "id": "wang", "name": [{"text": "王桂芳"}]},
]


def at(text: str) -> int:
    """An instant."""
    moment = micros(text)
    assert moment is not None
    return moment


@asynccontextmanager
async def county(path: Path) -> AsyncIterator[tuple[Opened, World]]:
    """A server on 2026-01-10, with a resident and two institutions."""
    settings = load({"store": store_at(path / "a.sqlite"), "load_definitions": "off"})
    async with open_world(settings) as opened:
        world = replace(opened.world, now=lambda: at("2026-01-10T08:00:00+08:00"))
        for one in PEOPLE:
            await perform(Interaction("update", one["resourceType"], one["id"], body=one), world)
        yield opened, world


async def call(world: World, operation: str, contract: str | None = None, **given: Any) -> dict[str, Any]:
    """An operation on Contract; a value is a text, a Reference, or parts."""
    parameters = [_parameter(name, one) for name, each in given.items() for one in _listed(each)]
    body = {"resourceType": "Parameters", **({"parameter": parameters} if parameters else {})}
    asking = Interaction("operation", "Contract", contract, operation=f"${operation}", body=body, http_method="POST")
    answer = await perform(asking, world)
    return answer.body if isinstance(answer.body, dict) else json.parse(answer.body or b"")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _parameter(name: str, value: Any) -> dict[str, Any]:
    name = name.replace("_", "-")
    if isinstance(value, dict):
        return {"name": name, "part": [_parameter(part, each) for part, each in value.items()]}
    if isinstance(value, int):
        return {"name": name, "valuePositiveInt": value}
    return {"name": name, **({"valueReference": {"reference": value}} if "/" in value else {"valueString": value})}


async def find(world: World, kind: str, query: str) -> list[dict[str, Any]]:
    """What a search finds."""
    pairs = tuple((name, value) for name, _, value in (one.partition("=") for one in query.split("&")))
    answer = await perform(Interaction("search-type", kind, query=pairs), world)
    assert isinstance(answer.body, bytes)
    return [one["resource"] for one in json.parse(answer.body).get("entry", ())]


SIGNING: dict[str, Any] = {
    "patient": "Patient/wang",
    "authority": "Organization/liuhe",
    "start": "2026-01-01",
    "end": "2026-12-31",
    "item": {"service": "面对面随访", "times": 4},
    "member": {"role": "family-doctor", "member": "Practitioner/ren"},
    "share_with": "Organization/county",
}


async def signed(world: World, **other: Any) -> dict[str, Any]:
    """The Contract of a signing."""
    bundle = await call(world, "sign", **(SIGNING | other))
    contract: dict[str, Any] = bundle["entry"][0]["resource"]
    return contract


def test_a_signing_makes_everything_at_once(tmp_path: Path) -> None:
    """Contract, Consent that names who may see, CareTeam, Coverage, and a Task for each promised service."""

    async def go() -> None:
        async with county(tmp_path) as (_, world):
            contract = await signed(world)
            assert contract["status"] == "executed"
            (consent,) = await find(world, "Consent", f"source-reference=Contract/{contract['id']}")
            actors = [one["reference"]["reference"] for one in consent["provision"]["actor"]]
            assert actors == ["Organization/liuhe", "Organization/county"]
            assert consent["provision"]["period"] == {"start": "2026-01-01", "end": "2026-12-31"}
            services = await find(world, "Task", f"focus=Contract/{contract['id']}&_sort=due")
            dues = [one["restriction"]["period"]["end"] for one in services]
            assert dues == ["2026-04-01", "2026-07-01", "2026-09-30", "2026-12-31"]
            assert len(await find(world, "Coverage", "beneficiary=Patient/wang&status=active")) == 1
            (team,) = await find(world, "CareTeam", "patient=Patient/wang&status=active")
            assert team["participant"][0]["member"] == {"reference": "Practitioner/ren"}

    asyncio.run(go())


def test_one_contract_of_a_person_at_a_time(tmp_path: Path) -> None:
    """A second one that overlaps is refused, over linked records too; the year after is not."""

    async def go() -> None:
        async with county(tmp_path) as (_, world):
            card = {"identifier": [{"system": ID_CARD, "value": "37052319650312122X"}], "gender": "female"}
            for name in ("wang", "wang-county"):
                body = {"resourceType": "Patient", "id": name, "name": [{"text": "王桂芳"}], "birthDate": "1965-03-12"}
                await perform(Interaction("update", "Patient", name, body=body | card), world)
            contract = await signed(world)
            for patient in ("Patient/wang", "Patient/wang-county"):
                with pytest.raises(FhirError) as caught:
                    await signed(world, patient=patient, start="2026-06-01", end="2027-05-31")
                assert caught.value.status == 422
                assert contract["id"] in caught.value.issues[0].diagnostics
            await signed(world, start="2027-01-01", end="2027-12-31")

    asyncio.run(go())


def test_what_is_delivered_is_counted(tmp_path: Path) -> None:
    """Three of four; a completed service says when; a contract without any is one on paper."""

    async def go() -> None:
        async with county(tmp_path) as (_, world):
            contract = await signed(world)
            later = replace(world, now=lambda: at("2026-09-01T08:00:00+08:00"))
            paper = await call(later, "paper-contracts", days=180)
            assert [one["resource"]["id"] for one in paper["entry"]] == [contract["id"]]
            services = await find(world, "Task", f"focus=Contract/{contract['id']}&_sort=due")
            for number, task in enumerate(services[:3]):
                done = {**task, "status": "completed"}
                with pytest.raises(FhirError):
                    await perform(Interaction("update", "Task", task["id"], body=done), world)
                done["executionPeriod"] = {"start": f"2026-0{number + 2}-10T09:00:00+08:00"}
                await perform(Interaction("update", "Task", task["id"], body=done), world)
            told = await call(later, "fulfilment", contract["id"])
            totals = {one["name"]: next(iter(list(one.values())[1:])) for one in told["parameter"] if "part" not in one}
            assert (totals["promised"], totals["delivered"], float(totals["rate"])) == (4, 3, 0.75)
            assert (await call(later, "paper-contracts", days=180))["total"] == 0

    asyncio.run(go())


def test_a_service_that_is_not_given_becomes_overdue(tmp_path: Path) -> None:
    """By the clock of the server, found by an ordinary search."""
    from countyfhir.interactions import timers

    async def go() -> None:
        async with county(tmp_path) as (_, world):
            await signed(world)
            later = replace(world, now=lambda: at("2026-07-02T08:00:00+08:00"))
            await timers.act(later)
            found = await find(world, "Task", "_tag=https://fhir.county-hc.example/cs/deadline|overdue&_sort=due")
            assert [one["restriction"]["period"]["end"] for one in found] == ["2026-04-01", "2026-07-01"]

    asyncio.run(go())


def test_an_end_ends_everything(tmp_path: Path) -> None:
    """Not without a reason; then consent, team, coverage and open services end in the same commit, and for good."""

    async def go() -> None:
        async with county(tmp_path) as (_, world):
            contract = await signed(world)
            plain = {**contract, "status": "terminated"}
            with pytest.raises(FhirError) as caught:
                await perform(Interaction("update", "Contract", contract["id"], body=plain), world)
            assert "解约原因" in caught.value.issues[0].diagnostics
            await call(world, "terminate", contract["id"], reason="02")
            (consent,) = await find(world, "Consent", "patient=Patient/wang")
            (team,) = await find(world, "CareTeam", "patient=Patient/wang")
            (coverage,) = await find(world, "Coverage", "beneficiary=Patient/wang")
            services = await find(world, "Task", f"focus=Contract/{contract['id']}")
            states = (consent["status"], team["status"], coverage["status"], {one["status"] for one in services})
            assert states == ("inactive", "inactive", "cancelled", {"cancelled"})
            assert all(mark_of(one) is None for one in services)
            for wrong in ({**consent, "status": "active"}, {**contract, "status": "executed"}):
                with pytest.raises(FhirError) as caught:
                    await perform(Interaction("update", wrong["resourceType"], wrong["id"], body=wrong), world)
                assert caught.value.status == 422

    asyncio.run(go())


def test_renewed_with_another_team(tmp_path: Path) -> None:
    """The next contract begins the day after, keeps terms and team, names the one before; a team can be changed."""

    async def go() -> None:
        async with county(tmp_path) as (_, world):
            contract = await signed(world)
            renewed = (await call(world, "renew", contract["id"]))["entry"][0]["resource"]
            assert renewed["applies"] == {"start": "2027-01-01", "end": "2027-12-31"}
            assert {"reference": f"Contract/{contract['id']}"} in renewed["supportingInfo"]
            assert renewed["term"] == contract["term"]
            member = {"role": "family-doctor", "member": "Practitioner/ma"}
            await call(world, "change-team", contract["id"], member=member)
            teams = await find(world, "CareTeam", "patient=Patient/wang&_sort=date")
            assert [one["status"] for one in teams].count("inactive") == 1
            assert (await find(world, "Contract", f"_id={contract['id']}"))[0]["status"] == "amended"

    asyncio.run(go())


def test_terms_and_due_dates() -> None:
    """Partial dates count whole; services lie evenly, the last on the last day."""
    assert days_of({"start": "2025", "end": "2025"}) == ("2025-01-01", "2025-12-31")
    assert days_of({"start": "2025-03"}) == ("2025-03-01", "9999-12-31")
    assert due_dates(("2026-01-01", "2026-12-31"), 2) == ["2026-07-01", "2026-12-31"]
    assert due_dates(("2026-01-01", "2026-01-01"), 2) == ["2026-01-01", "2026-01-01"]
