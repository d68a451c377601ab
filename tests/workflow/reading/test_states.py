"""Every step of a Task, an alarm and a report that the tables do not name is refused; generated from the tables."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from countyfhir import shipped
from countyfhir.exchange import LOCAL
from countyfhir.workflow.critical import acknowledging
from countyfhir.workflow.critical.findings import of_observation, of_report, watched
from countyfhir.workflow.reading import rule
from countyfhir.workflow.reading.reading import TASKS
from countyfhir.workflow.situation import Change, Situation, Verdict
from countyfhir.workflow.tables import FolderTables
from countyfhir.workflow.timing import instant
from tests.workflow.reading.county import MINUTE, START, order, report

TABLES = FolderTables([shipped.folder("profiles")])
READING, CRITICAL = TABLES.table("reading"), TABLES.table("critical-values")
ACTIONS = [
    *("draft", "requested", "received", "accepted", "rejected", "ready", "cancelled", "in-progress"),
    *("on-hold", "failed", "completed", "entered-in-error"),
]
REPORTS = [
    *("registered", "partial", "preliminary", "final", "amended", "corrected", "appended"),
    *("cancelled", "entered-in-error", "unknown"),
]


@dataclass
class Shelf:
    """A record of a few resources."""

    resources: dict[str, Any]

    async def read(self, reference: str | None) -> Any:
        """What stands under the reference."""
        return self.resources.get(reference or "")

    async def search(self, *_: Any, **__: Any) -> list[Any]:
        """Nothing."""
        return []

    async def persons(self, patients: Any) -> frozenset[str]:
        """No links."""
        return frozenset(patients)

    async def shown(self, resources: Any) -> list[Any]:
        """All."""
        return list(resources)


def judged(change: Change, *there: Any) -> Verdict:
    """What the reading centres' rule says of one change."""
    shelf = Shelf({f"{one['resourceType']}/{one['id']}": one for one in there})
    situation = Situation([change], LOCAL, None, START + 5 * MINUTE, shelf, TABLES)
    verdict = Verdict()
    asyncio.run(rule.judge(situation, [change], verdict))
    return verdict


def test_a_task_takes_only_the_steps_of_the_table() -> None:
    """From every state to every other; what has ended stays."""
    final = {**report(instant(START)), "id": "r", "basedOn": [{"reference": "ServiceRequest/o1"}]}
    final["subject"] = {"reference": "Patient/wang"}
    for old, new in product(ACTIONS, ACTIONS):
        before = {
            "resourceType": "Task",
            "id": "t",
            "status": old,
            "code": {"coding": [{"system": TASKS, "code": "read-order"}]},
            "focus": {"reference": "ServiceRequest/o1"},
            "authoredOn": instant(START),
        }
        after = {**before, "status": new, "statusReason": {"text": "原因"}}
        after["output"] = [{"type": {"text": "报告"}, "valueReference": {"reference": "DiagnosticReport/r"}}]
        verdict = judged(Change("Task", "t", before, after), order(), final)
        opened = old in READING["next"]
        legal = (new == old and opened) or new in READING["next"].get(old, ())
        assert bool(verdict.refused) != legal, (old, new)


def test_a_report_takes_only_the_steps_of_the_table() -> None:
    """From every state to every other: what was issued is never preliminary again."""
    for old, new in product(REPORTS, REPORTS):
        before = {**report(instant(START)), "id": "r", "status": old, "basedOn": [{"reference": "ServiceRequest/o1"}]}
        before["subject"] = {"reference": "Patient/wang"}
        verdict = judged(Change("DiagnosticReport", "r", before, {**before, "status": new}), order())
        assert bool(verdict.refused) != (new == old or new in READING["report_next"][old]), (old, new)


def test_an_alarm_ends_only_by_being_acknowledged() -> None:
    """Everything else is refused."""
    done = [{"type": {"text": "处置"}, "valueString": "已处理"}]
    for old, new in product(ACTIONS, ACTIONS):
        before = {"resourceType": "Task", "id": "t", "status": old, "authoredOn": instant(START)}
        change = Change("Task", "t", before, {**before, "status": new, "output": done})
        verdict = Verdict()
        situation = Situation([change], LOCAL, None, START, Shelf({}), TABLES)
        acknowledging.judge(situation, change, verdict, CRITICAL)
        opened = old in acknowledging.OPEN
        legal = new in (*acknowledging.OPEN, "completed") if opened else new == old
        assert bool(verdict.refused) != legal, (old, new)


@pytest.mark.parametrize(
    ("code", "value", "born", "critical"),
    [
        ("2823-3", {"value": 2.8, "unit": "mmol/L"}, None, False),
        ("2823-3", {"value": 2.79, "unit": "mmol/L"}, None, True),
        ("2823-3", {"value": 6.2, "code": "mmol/L"}, None, False),
        ("2823-3", {"value": 6.21, "code": "mmol/L"}, None, True),
        ("2823-3", {"value": 7, "unit": "mmol/L", "comparator": "<"}, None, False),
        ("2823-3", {"value": 6.2, "unit": "mmol/L", "comparator": ">"}, None, True),
        ("2823-3", {"value": 7}, None, False),
        ("718-7", {"value": 4.9, "unit": "g/dL"}, "1960-01-01", True),
        ("718-7", {"value": 49, "unit": "g/L"}, "2027-01-10", False),
        ("14749-6", {"value": 2.0, "unit": "mmol/L"}, "2027-01-10", False),
        ("14749-6", {"value": 2.0, "unit": "mmol/L"}, "1960-01-01", True),
        ("14749-6", {"value": 2.0, "unit": "mmol/L"}, None, True),
    ],
)
def test_the_table_of_critical_values(code: str, value: Any, born: str | None, critical: bool) -> None:
    """A value beyond its limit, in a unit of the row, for the age of the person."""
    watched.learn(CRITICAL)
    observation = {
        "resourceType": "Observation",
        "id": "k",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "effectiveDateTime": "2027-01-15",
        "valueQuantity": value,
    }
    found = of_observation(observation, {"birthDate": born} if born else {}, CRITICAL)
    assert (found is not None) == critical


def test_the_words_of_a_conclusion() -> None:
    """Said, denied, denied of one and said of another."""
    for words, critical in (("危急值：急性心梗", True), ("未见危急值", False), ("未见危急值；追加：危急值", True)):
        assert (of_report({"status": "final", "conclusion": words}, CRITICAL) is not None) == critical
