"""Appointments of referrals and examinations: a booked one takes its Slots and moves the referral
(DOMAIN B13, B22)."""

from __future__ import annotations

from countyfhir.exchange import Resource
from countyfhir.workflow.referral.case import Case
from countyfhir.workflow.referral.reading import identity
from countyfhir.workflow.situation import Change, Situation, Verdict

HOLDS = ("booked", "arrived", "fulfilled", "checked-in", "noshow", "pending")
"""Statuses of an Appointment that keep its Slots from others."""
OPEN = ("booked", "pending", "proposed", "waitlist")
ENDED_BY = {
    "appointment-cancelled": "cancelled",
    "cancelled": "cancelled",
    "rejected": "cancelled",
    "closed": "cancelled",
    "error": "entered-in-error",
    "no-show": "noshow",
}
"""State of a referral -> status of the Appointments that were still open."""
MOVES = {"booked": "scheduled", "cancelled": "appointment-cancelled", "noshow": "no-show", "arrived": "arrived"}
"""Status of an Appointment -> state of the referral."""


async def take_slots(change: Change, situation: Situation, verdict: Verdict) -> bool:
    """The Slots of an Appointment become busy, those it gives up free; 409 where one is taken already."""
    before, after = _held(change.before), _held(change.after)
    free = True
    for name in after - before:
        slot = verdict.resources.get(("Slot", name.rpartition("/")[2])) or await situation.look.read(name)
        if slot is None:
            continue
        if slot.get("status") not in ("free", "busy-tentative"):
            text = f"{name} is not free any more: it is {slot.get('status')}. 该号源已被占用。"
            verdict.refuse(change, "conflict", text, "Appointment.slot")
            free = False
        else:
            verdict.write({**slot, "status": "busy"})
    for name in before - after:
        slot = await situation.look.read(name)
        if slot is not None and slot.get("status") == "busy":
            verdict.write({**slot, "status": "free"})
    return free


def _held(appointment: Resource | None) -> set[str]:
    if appointment is None or appointment.get("status") not in HOLDS:
        return set()
    return {name for name in map(identity, appointment.get("slot", ())) if name is not None}


async def release(case: Case) -> None:
    """Appointments that are open when a referral ends otherwise are ended with it."""
    status, name = ENDED_BY.get(case.state), case.request_reference
    if status is None or name is None:
        return
    for one in await case.situation.look.search("Appointment", f"based-on={name}"):
        if case.situation.changed(f"Appointment/{one['id']}") is not None or one.get("status") not in OPEN:
            continue
        ended = {**one, "status": status}
        case.verdict.write(ended)
        await take_slots(Change("Appointment", one["id"], one, ended), case.situation, case.verdict)
