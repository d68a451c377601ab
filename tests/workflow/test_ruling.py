"""A rule sees a whole plan before its commit; what it refuses is not written, what it adds is written with the plan."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from countyfhir.app import Opened, open_world
from countyfhir.exchange import Interaction, Preferences
from countyfhir.interactions import ruling, timers
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.settings import load
from countyfhir.workflow import rules
from countyfhir.workflow.rules import Rule
from countyfhir.workflow.situation import Change, Situation, Verdict
from countyfhir.workflow.timing import instant, mark_of, timer_of, with_mark, with_timer
from tests.stores import store_at

CODE = {"system": "http://example.org/kinds", "code": "ours"}
HOUR = 3_600_000_000


def concerns(change: Change) -> bool:
    """The rule of these tests binds Tasks with its code."""
    return any(CODE in (one or {}).get("code", {}).get("coding", ()) for one in (change.before, change.after))


async def judge(situation: Situation, changes: list[Change], verdict: Verdict) -> None:
    """A Task needs a patient that is there; its focus becomes on-hold; it is looked at within an hour."""
    for change in changes:
        task = change.after
        if task is None:
            verdict.refuse(change, "business-rule", "Such a Task is not deleted. 不得删除。", "Task")
            continue
        if await situation.look.read(task.get("for", {}).get("reference")) is None:
            verdict.refuse(change, "business-rule", "The patient is not here. 患者不存在。", "Task.for")
        if task.get("priority") == "stat":
            verdict.warn(change, "business-rule", "Call ahead. 请先电话联系。", "Task.priority")
        focus = await situation.look.read(task.get("focus", {}).get("reference"))
        if focus is not None:
            verdict.write({**focus, "status": "on-hold"})
        verdict.write(with_timer(task, situation.now + HOUR))


async def on_time(situation: Situation, change: Change, verdict: Verdict) -> None:
    """Overdue."""
    latest = verdict.latest(change)
    assert latest is not None
    verdict.write(with_mark(latest, "overdue"))


@pytest.fixture
def _ruled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "WORKFLOWS", {"ours": frozenset({"Task"})})
    monkeypatch.setattr(rules, "rule_of", lambda module: Rule(concerns, judge, on_time))
    monkeypatch.setattr(ruling, "CONCERNED", frozenset({"Task"}))


@asynccontextmanager
async def world(path: Path) -> AsyncIterator[Opened]:
    """A server with a patient and a request."""
    settings = load({"store": store_at(path / "a.sqlite"), "load_definitions": "off", "person_index": "off"})
    async with open_world(settings) as opened:
        await put(opened, {"resourceType": "Patient", "id": "p"})
        request = {"resourceType": "ServiceRequest", "id": "r", "status": "active", "intent": "order"}
        await put(opened, {**request, "subject": {"reference": "Patient/p"}})
        yield opened


async def put(opened: Opened, resource: dict[str, Any], **further: Any) -> Any:
    """PUT it."""
    kind, name = resource["resourceType"], resource["id"]
    return await opened.perform(Interaction("update", kind, name, body=resource, **further))


async def get(opened: Opened, kind: str, name: str) -> dict[str, Any]:
    """The current resource."""
    answer = await opened.perform(Interaction("read", kind, name))
    assert isinstance(answer.body, bytes)
    return json.parse(answer.body)


def task(**more: Any) -> dict[str, Any]:
    """A Task the rule binds."""
    told = {"resourceType": "Task", "id": "t", "status": "requested", "intent": "order", "code": {"coding": [CODE]}}
    return {**told, "for": {"reference": "Patient/p"}, "focus": {"reference": "ServiceRequest/r"}, **more}


@pytest.mark.usefixtures("_ruled")
def test_what_a_rule_writes_is_in_the_same_commit(tmp_path: Path) -> None:
    """The Task as the rule left it, and the other resource, have consecutive places in the history."""

    async def go() -> None:
        async with world(tmp_path) as opened:
            answer = await put(opened, task(priority="stat"), preferences=Preferences(returns="OperationOutcome"))
            assert any("Call ahead" in issue.diagnostics for issue in answer.issues)
            stored = await get(opened, "Task", "t")
            assert timer_of(stored) is not None
            request = await get(opened, "ServiceRequest", "r")
            assert request["status"] == "on-hold"
            assert request["meta"]["versionId"] == "2"
            assert request["meta"]["lastUpdated"] == stored["meta"]["lastUpdated"]

    asyncio.run(go())


@pytest.mark.usefixtures("_ruled")
def test_a_refusal_names_the_place_and_writes_nothing(tmp_path: Path) -> None:
    """Alone and as an entry of a transaction, where the patient may be another entry."""

    async def go() -> None:
        async with world(tmp_path) as opened:
            wrong = task(**{"for": {"reference": "Patient/none"}})
            with pytest.raises(FhirError) as caught:
                await put(opened, wrong)
            assert (caught.value.status, caught.value.issues[0].expression) == (422, ("Task.for",))
            url = "urn:uuid:6f1f7c1a-5b0f-4d5c-9f35-0d1b0f8f2a11"
            entries = [
                {
                    "fullUrl": url,
                    "resource": {"resourceType": "Patient"},
                    "request": {"method": "POST", "url": "Patient"},
                },
                {"resource": task(**{"for": {"reference": url}}), "request": {"method": "PUT", "url": "Task/t"}},
            ]
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
            await opened.perform(Interaction("transaction", body=bundle))
            entries[1]["resource"] = wrong
            with pytest.raises(FhirError) as caught:
                await opened.perform(Interaction("transaction", body=bundle))
            assert caught.value.issues[0].expression == ("Bundle.entry[1].resource.for",)
            with pytest.raises(FhirError):
                await opened.perform(Interaction("delete", "Task", "t"))
            assert (await get(opened, "Task", "t"))["meta"]["versionId"] == "1"

    asyncio.run(go())


@pytest.mark.usefixtures("_ruled")
def test_a_timer_is_acted_on_once_when_it_comes(tmp_path: Path) -> None:
    """Not before; afterwards the Task is marked and has no timer. Other Tasks with a timer of their own lose it."""

    async def go() -> None:
        async with world(tmp_path) as opened:
            await put(opened, task())
            other = {"resourceType": "Task", "id": "o", "status": "requested", "intent": "order"}
            await put(opened, with_timer(other, opened.world.now()))
            await timers.act(opened.world)
            assert mark_of(await get(opened, "Task", "t")) is None
            later = replace(opened.world, now=lambda: opened.world.now() + 2 * HOUR)
            await timers.act(later)
            marked = await get(opened, "Task", "t")
            assert (mark_of(marked), timer_of(marked), marked["meta"]["versionId"]) == ("overdue", None, "2")
            await timers.act(later)
            assert (await get(opened, "Task", "t"))["meta"]["versionId"] == "2"
            assert timer_of(await get(opened, "Task", "o")) is None

    asyncio.run(go())


def test_marks_and_timers_leave_the_rest_as_it_is() -> None:
    """Other extensions and tags stay; the last of the own ones goes without a trace."""
    own = task(meta={"tag": [{"code": "kept"}]}, extension=[{"url": "urn:x", "valueInteger": 1}])
    marked = with_mark(with_timer(own, 1_500_000), "warning")
    assert timer_of(marked) == 1_500_000
    assert [one["code"] for one in marked["meta"]["tag"]] == ["kept", "warning"]
    assert with_mark(with_timer(marked, None), None) == own
    assert instant(1_500_000) == "1970-01-01T00:00:01.500Z"
