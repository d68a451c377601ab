"""Recent equivalent results are shown and warned of when an order is made; the decision is kept, and counted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from countyfhir.exchange import Interaction, Preferences
from countyfhir.outcome import FhirError
from countyfhir.workflow.timing import instant
from tests.workflow.reading.county import KIND, MINUTE, START, County, Resource, county, key, order, report, told

IMAGING = [{"coding": [{"system": KIND, "code": "imaging"}]}]
CHEST = {"text": "胸部CT平扫"}
DAY = 24 * 60 * MINUTE
EXTENSION = "https://fhir.county-hc.example/StructureDefinition/recognition"


def decision(code: str, result: str, reason: str | None = None) -> Resource:
    """The extension on an order."""
    coding = {"system": "https://fhir.county-hc.example/cs/recognition-decision", "code": code}
    parts: list[Any] = [{"url": "decision", "valueCoding": coding}]
    parts.append({"url": "result", "valueReference": {"reference": result}})
    if reason is not None:
        parts.append({"url": "reason", "valueString": reason})
    return {"url": EXTENSION, "extension": parts}


async def recent(here: County, patient: str, **more: Any) -> list[str]:
    """What $recent-results shows."""
    query = tuple((name.replace("_", "-"), str(value)) for name, value in more.items())
    asked = Interaction("operation", "Patient", patient, operation="$recent-results", query=query)
    return [
        f"{one['resource']['resourceType']}/{one['resource']['id']}"
        for one in told(await here.ask(asked)).get("entry", ())
    ]


def test_an_order_warns_of_recent_results_and_keeps_the_decision(tmp_path: Path) -> None:
    """A Task lists them; one is declined with its reason, another order is given up as the result is recognised."""

    async def go() -> None:
        async with county(tmp_path) as here:
            chest = {"category": IMAGING, "code": CHEST}
            await here.put(order("ct", **chest))
            ct = told(await here.post(report(instant(START), "CT1", "ct", code=CHEST, conclusion="未见异常")))
            name = f"DiagnosticReport/{ct['id']}"
            here.at += 3 * DAY
            assert await recent(here, "wang", code="胸部ＣＴ平扫") == [name]
            assert await recent(here, "wang", code="胸部CT平扫", days=2) == []
            assert await recent(here, "wang", code="头颅CT") == []
            assert await recent(here, "li") == []
            again = {
                **order("again", **chest, asked=instant(here.at)),
                "requester": {"reference": "Organization/hospital"},
            }
            preferred = Preferences(returns="OperationOutcome")
            body = Interaction("update", "ServiceRequest", "again", body=again, preferences=preferred)
            answer = await here.ask(body)
            [warning] = [one for one in answer.issues if one.code == "duplicate"]
            assert name in warning.diagnostics
            [task] = await here.find("Task", code="recognition", owner="Organization/hospital")
            assert task["status"] == "requested"
            assert task["input"][0]["valueReference"]["reference"] == name
            with pytest.raises(FhirError) as refused:
                await here.put({**again, "extension": [decision("declined", name)]})
            assert "不互认既往结果须写明原因" in refused.value.issues[0].diagnostics
            await here.put({**again, "extension": [decision("declined", name, "症状加重，需复查")]})
            task = await here.get(f"Task/{task['id']}")
            assert (task["status"], task["output"][0]["valueCode"]) == ("completed", "declined")

            third = {**again, "id": "third", "identifier": [{"system": "http://example.org/n", "value": "3"}]}
            await here.put({**third, "extension": [decision("recognised", name)], "status": "revoked"})
            [kept] = await here.find("Task", code="recognition", focus="ServiceRequest/third")
            assert (kept["status"], kept["output"][0]["valueCode"]) == ("completed", "recognised")
            stored = await here.get(name)
            await here.put({**stored, "status": "corrected", "conclusion": "右肺结节"})
            to = {one["owner"]["reference"] for one in await here.find("Task", code="corrected-report")}
            assert to == {"Organization/town", "Organization/hospital"}
            other = {**again, "id": "other", "identifier": [{"system": "http://example.org/n", "value": "4"}]}
            other |= {"subject": {"reference": "Patient/li"}, "extension": [decision("recognised", name)]}
            with pytest.raises(FhirError):
                await here.put(other)

    asyncio.run(go())


def test_only_what_the_caller_may_read_is_shown(tmp_path: Path) -> None:
    """Neither the operation nor the warning tells of results that are out of the caller's reach."""

    async def go() -> None:
        async with county(tmp_path) as here:
            await here.put(order("ct", category=IMAGING, code=CHEST))
            await here.post(report(instant(START), "CT1", "ct", code=CHEST))
            stranger = key("k", "hospital", "doctor")
            asked = Interaction("operation", "Patient", "wang", operation="$recent-results", principal=stranger)
            with pytest.raises(FhirError) as refused:
                await here.ask(asked)
            assert refused.value.status == 404
            for bad in ({"days": "0"}, {"unknown": "1"}, {"method": "CT"}):
                with pytest.raises(FhirError) as refused:
                    await recent(here, "wang", **bad)
                assert refused.value.status == 400

    asyncio.run(go())
