"""An order becomes a Task on the clock; its report stops it and goes to who asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

from countyfhir.workflow.timing import instant, mark_of, timer_of
from tests.workflow.reading.county import START, county, order, report, told

MINUTE = 60_000_000


def test_an_order_is_a_task_with_a_clock_and_its_report_completes_it(tmp_path: Path) -> None:
    """Made by the server with the order; 30 minutes and no more; the report is matched by numbers, delivered, and the
    order is completed."""

    async def go() -> None:
        async with county(tmp_path) as here:
            await here.put(order())
            [task] = await here.find("Task", focus="ServiceRequest/o1")
            assert task["restriction"]["period"]["end"] == instant(START + 30 * MINUTE)
            assert timer_of(task) == START + 20 * MINUTE
            await here.wait(20)
            assert mark_of(await here.get(f"Task/{task['id']}")) == "warning"
            answer = await here.post(report(instant(START + 22 * MINUTE)))
            made = told(answer)
            assert answer.status == 201
            assert made["subject"]["reference"] == "Patient/wang"
            assert made["basedOn"][0]["reference"] == "ServiceRequest/o1"
            done = await here.get(f"Task/{task['id']}")
            assert (done["status"], mark_of(done), timer_of(done)) == ("completed", None, None)
            assert (await here.get("ServiceRequest/o1"))["status"] == "completed"
            [sent] = await here.find("Communication", recipient="Organization/town")
            assert sent["payload"][1]["contentReference"]["reference"] == f"DiagnosticReport/{made['id']}"

    asyncio.run(go())
