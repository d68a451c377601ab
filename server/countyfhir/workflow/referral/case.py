"""One referral as a plan will leave it: the Task, the request, both institutions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.referral.parties import acts_for, organization_of, tier_of
from countyfhir.workflow.referral.reading import (
    DIRECTION,
    KIND,
    STATE,
    codes,
    direction_of,
    has_profile,
    identity,
    is_slip,
    parts_of,
    state_of,
)
from countyfhir.workflow.referral.table import Step, Table, table_of
from countyfhir.workflow.situation import Change, Situation, Verdict


@dataclass(frozen=True, slots=True)
class Case:
    """``task`` and ``request`` are as the plan and the rules leave them so far; ``change`` is what problems are told
    of. ``by_program``: the step follows from another one, whose parties were checked."""

    situation: Situation
    verdict: Verdict
    table: Table
    change: Change
    task: Resource
    request: Resource | None
    requester: Resource | None
    receiver: Resource | None
    by_program: bool = False

    @property
    def direction(self) -> str | None:
        """``up`` or ``down``."""
        return direction_of(self.request)

    @property
    def priority(self) -> str:
        """The priority of the request, or else of the Task."""
        return str((self.request or {}).get("priority") or self.task.get("priority") or "routine")

    @property
    def emergency(self) -> bool:
        """Whether care goes before paper (急诊先救治后补签)."""
        return self.priority in self.table.data["emergency"]["priorities"]

    @property
    def state(self) -> str:
        """The state that the Task is in, or enters."""
        return state_of(self.task) or ""

    @property
    def step(self) -> Step:
        """What it takes to enter that state."""
        return self.table.step(self.state, self.direction)

    @property
    def request_reference(self) -> str | None:
        """``ServiceRequest/id``."""
        return identity(self.task.get("focus"))

    def refuse(self, code: str, english: str, chinese: str, place: str = "Task.businessStatus") -> None:
        """The step cannot be made."""
        self.verdict.refuse(self.change, code, f"{english} {chinese}", _place(self.change, place))

    def warn(self, english: str, chinese: str, place: str = "Task") -> None:
        """Something to know."""
        self.verdict.warn(self.change, "business-rule", f"{english} {chinese}", _place(self.change, place))

    async def read(self, reference: Any) -> Resource | None:
        """The resource of a Reference, as the rules leave it."""
        name = identity(reference)
        if name is None:
            return None
        kind, _, logical_id = name.partition("/")
        return self.verdict.resources.get((kind, logical_id)) or await self.situation.look.read(name)

    async def same_person(self, one: Any, other: Any) -> bool:
        """Whether two References lead to one person: to the same Patient, or to records linked as one person's."""
        first, second = identity(one), identity(other)
        if first == second or first is None or second is None:
            return first == second
        linked = await self.situation.look.persons([first.rpartition("/")[2]])
        return second.rpartition("/")[2] in linked

    def referred(self) -> list[dict[str, Any]]:
        """The References that go along: of the request and of the Task's input."""
        request = self.request or {}
        return [*request.get("supportingInfo", ()), *request.get("reasonReference", ()), *parts_of(self.task, "input")]

    async def acts(self, side: str) -> bool:
        """Whether the caller acts for a side."""
        sides = {"requester": [self.requester], "receiver": [self.receiver], "either": [self.requester, self.receiver]}
        return any([await acts_for(one, self.situation, self.table) for one in sides[side]])

    def single(self, side: str) -> bool:
        """Whether the institution of a side is so small that one person has every part."""
        party = self.receiver if side == "receiver" else self.requester
        return party is not None and tier_of(party, self.table) in self.table.data["single"]


def _place(change: Change, place: str) -> str:
    """Problems of a step that follows from another resource are told of that one."""
    return place if change.resource_type == place.partition(".")[0] else change.resource_type


def bound(resource: Resource | None, table: Table) -> bool:
    """Whether a Task or ServiceRequest is of a referral: by its profile or by a code."""
    if resource is None:
        return False
    kind = resource["resourceType"]
    if has_profile(resource, table.data["profiles"].get(kind, [])):
        return True
    return state_of(resource) is not None if kind == "Task" else direction_of(resource) is not None


def of_this_kind(change: Change) -> bool:
    """Whether a change may be of a referral, told without the rules: by the words that all of ours hold."""
    return any(_looks_ours(one) for one in (change.before, change.after) if one is not None)


def _looks_ours(resource: Resource) -> bool:
    kind = resource["resourceType"]
    if kind == "Appointment":
        return any((identity(one) or "").startswith("ServiceRequest/") for one in resource.get("basedOn", ()))
    if kind == "Encounter":
        return bool(resource.get("basedOn"))
    if kind == "Composition":
        return is_slip(resource)
    if kind == "Consent":
        return any("ServiceRequest/" in (identity(one.get("reference")) or "") for one in consent_data(resource))
    if any("/county-referral-" in one for one in (resource.get("meta") or {}).get("profile", ())):
        return True
    if kind == "Task":
        return state_of(resource) is not None or bool(codes(resource.get("code"), KIND))
    return any(
        one.get("system") == DIRECTION for concept in resource.get("category", ()) for one in concept.get("coding", ())
    )


def consent_data(consent: Resource) -> list[dict[str, Any]]:
    """What a Consent is about."""
    found: list[dict[str, Any]] = (consent.get("provision") or {}).get("data", [])
    return found


async def case_of(change: Change, task: Resource, situation: Situation, verdict: Verdict) -> Case:
    """The case of a Task."""
    table = table_of(situation.tables)
    empty = Case(situation, verdict, table, change, task, None, None, None)
    request = await empty.read(task.get("focus"))
    if request is not None and not bound(request, table):
        request = None
    sender = task.get("requester") or (request or {}).get("requester")
    performers = (request or {}).get("performer") or [None]
    requester = await organization_of(sender, situation.look)
    if requester is None and request is not None:
        requester = await organization_of(request.get("requester"), situation.look)
    receiver = await organization_of(task.get("owner") or performers[0], situation.look)
    return replace(empty, request=request, requester=requester, receiver=receiver)


async def task_of(request: str, situation: Situation, verdict: Verdict) -> Resource | None:
    """The Task of a referral (``ServiceRequest/id``), as the rules leave it; None where there is none yet."""
    table = table_of(situation.tables)
    found = await situation.look.search("Task", f"focus={request}")
    planned = [one.after for one in situation.changes if one.resource_type == "Task" and one.after is not None]
    for one in [*planned, *found]:
        if bound(one, table) and identity(one.get("focus")) == request:
            latest: Resource = verdict.resources.get(("Task", one["id"]), one)
            return latest
    return None


def in_state(task: Resource, step: Step, name: str) -> Resource:
    """The Task in another state, with the status that belongs to it."""
    coding = {"system": STATE, "code": step.state, "display": name}
    return {**task, "status": step.task, "businessStatus": {"coding": [coding], "text": name}}
