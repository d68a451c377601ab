"""The rules of all workflows: which types they concern, and their judgement of a plan."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from countyfhir.workflow.situation import Change, Situation, Verdict

WORKFLOWS: dict[str, frozenset[str]] = {
    "chronic": frozenset(
        {
            "CarePlan",
            "Condition",
            "Encounter",
            "MedicationRequest",
            "Observation",
            "Patient",
            "QuestionnaireResponse",
            "ServiceRequest",
            "Task",
        }
    ),
    "referral": frozenset({"ServiceRequest", "Task", "Consent", "Appointment", "Encounter", "Composition"}),
    "contracts": frozenset({"Contract", "Consent", "Task"}),
    "reading.rule": frozenset({"ServiceRequest", "Task", "Provenance", "DiagnosticReport"}),
    "critical.rule": frozenset({"Observation", "DiagnosticReport", "Flag", "Task"}),
}
"""Module below ``workflow`` -> the resource types that concern it. A module has ``RULE``; it is loaded when a resource
of such a type is first written."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A workflow. ``concerns`` says cheaply whether a change is of it (an ordinary Task is not); ``judge`` gets the
    changes that are. ``on_time`` gets a Task whose timer (``timing.timer_of``) has come: it acts, and sets the timer
    that follows; without one the timer is taken off."""

    concerns: Callable[[Change], bool]
    judge: Callable[[Situation, list[Change], Verdict], Awaitable[None]]
    on_time: Callable[[Situation, Change, Verdict], Awaitable[None]] | None = None


def concerned(resource_types: Iterable[str]) -> list[Rule]:
    """The rules that concern the types, in the order of the table."""
    wanted = set(resource_types)
    return [rule_of(module) for module, types in WORKFLOWS.items() if types & wanted]


@cache
def rule_of(module: str) -> Rule:
    """The rule of a module below ``workflow``."""
    rule = import_module(f"countyfhir.workflow.{module}").RULE
    assert isinstance(rule, Rule)
    return rule


CONCERNED: frozenset[str] = frozenset().union(*WORKFLOWS.values())
"""All types that some rule may look at; a write of another type costs nothing."""


def any_concerned(changes: Sequence[Change]) -> bool:
    """Whether some rule has something to judge: only then is found out for whom the caller acts."""
    rules = concerned(one.resource_type for one in changes)
    return any(rule.concerns(one) for rule in rules for one in changes)


async def judged(situation: Situation) -> Verdict:
    """What all rules say of the plan. A later rule sees what an earlier one writes by ``Verdict.latest``."""
    verdict = Verdict()
    for rule in concerned(one.resource_type for one in situation.changes):
        mine = [one for one in situation.changes if rule.concerns(one)]
        if mine:
            await rule.judge(situation, mine, verdict)
    return verdict


async def timed(situation: Situation, task: Change, verdict: Verdict) -> None:
    """Have the rule of a Task act on its timer."""
    for rule in concerned(("Task",)):
        if rule.on_time is not None and rule.concerns(task):
            await rule.on_time(situation, task, verdict)
