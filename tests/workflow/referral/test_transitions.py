"""Every ordered pair of the nineteen states is tried through the one door and compared with DOMAIN 5.5, which is
written out here once more: what is legal, and who may."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from countyfhir.exchange import Principal
from tests.workflow.referral import county
from tests.workflow.referral.county import COUNTY, LOCAL, OTHER, REQUEST, STATUS, TOWNSHIP, Clinic, clinic, principal

LEGAL = {
    "draft": "awaiting-consent error",
    "awaiting-consent": "awaiting-stamp draft error",
    "awaiting-stamp": "sent draft error",
    "sent": "received cancel-requested closed error",
    "received": "accepted rejected awaiting-information cancel-requested closed error",
    "awaiting-information": "received cancel-requested closed error",
    "accepted": "scheduled arrived rejected cancel-requested closed error",
    "scheduled": "arrived no-show appointment-cancelled cancel-requested error",
    "no-show": "scheduled cancel-requested closed error",
    "appointment-cancelled": "scheduled cancel-requested closed error",
    "arrived": "interim returning closed",
    "interim": "returning closed",
    "cancel-requested": "cancelled scheduled",
    "cancelled": "", "rejected": "", "completed": "", "closed": "", "error": "",
    "returning": "completed",
}  # fmt: skip
"""Cancellation was asked for from ``scheduled`` here."""
REFERRER = {"draft", "awaiting-consent", "awaiting-stamp", "sent", "cancel-requested", "completed", "error"}
BOTH = {"appointment-cancelled", "closed"}
STAMPED = {"awaiting-stamp", "sent", "cancel-requested", "error"}
"""Of the referring office only, not of a physician."""
RECEIVED_BY_OFFICE = {"received", "awaiting-information", "cancelled", "rejected"}


def in_state(state: str) -> dict[str, Any]:
    """A Task with everything that a guard may ask for."""
    more: dict[str, Any] = {"statusReason": {"text": "原因"}, "output": county.output("Composition/slip")}
    if state == "cancel-requested":
        url = LOCAL + "StructureDefinition/referral-state-before"
        more["extension"] = [{"url": url, "valueCode": "scheduled"}]
    parties = {"requester": county.to("Organization/township"), "owner": county.to("Organization/county")}
    return county.task(state, **parties, **more)


def rightful(before: str, after: str) -> list[Principal]:
    """Who may make a step."""
    if after in BOTH or (before == "cancel-requested" and after != "cancelled"):
        return [TOWNSHIP, COUNTY]
    return [TOWNSHIP] if after in REFERRER else [COUNTY]


async def reset(server: Clinic, state: str, after: str | None = None) -> None:
    """The referral is in the state, as if taken in; ``after``: the state that it was in."""
    if after is None or REQUEST[after] != REQUEST[state]:
        await server.taken_in(county.request(status=REQUEST[state]))
    await server.taken_in(in_state(state))


async def tried(server: Clinic, before: str, after: str) -> list[str]:
    """What is not as it should be about one pair."""
    wrong = []
    legal = after in LEGAL[before].split()
    if not legal:
        who = rightful(before, after)[0]
        status, told = await server.tried(in_state(after), who)
        if status != 422 or any(one not in told for one in LEGAL[before].split()):
            wrong.append(f"{before} -> {after} by {who.organization}: {status} {told}")
        return wrong
    allowed = rightful(before, after)
    for who in (TOWNSHIP, COUNTY, OTHER):
        if who not in allowed:
            status, told = await server.tried(in_state(after), who)
            if status not in (403, 404) or (status == 404 and who is not OTHER):
                wrong.append(f"{before} -> {after} by {who.organization}: {status} {told}")
    for who in allowed:
        status, told = await server.tried(in_state(after), who)
        request = (await server.get("ServiceRequest", "r"))["status"]
        if status != 200 or request != REQUEST[after]:
            wrong.append(f"{before} -> {after} by {who.organization}: {status} {told} {request}")
        await reset(server, before, after)
    return wrong


def test_every_pair_of_states_is_as_the_table_says(tmp_path: Path) -> None:
    """342 pairs: illegal ones are refused (422, with the legal next steps) and leave the Task as it was; legal ones are
    made by the rightful institution and by no other (403); the request's status follows. A status that does not belong
    to the business state is refused."""

    async def go() -> None:
        async with clinic(tmp_path, county.request(), county.consent(), county.slip()) as server:
            wrong = []
            for before in STATUS:
                await reset(server, before)
                untouched = (await server.get("Task", "t"))["businessStatus"]
                for after in STATUS:
                    if after != before:
                        wrong += await tried(server, before, after)
                assert (await server.get("Task", "t"))["businessStatus"] == untouched
                other = next(one for one in sorted(STATUS.values()) if one != STATUS[before])
                if (await server.tried({**in_state(before), "status": other}))[0] != 422:
                    wrong.append(f"{before} with the status {other}")
            assert wrong == []

    asyncio.run(go())


def test_roles_hold_within_an_institution(tmp_path: Path) -> None:
    """The stamp is the referring office's and not a physician's; a porter of the hospital receives nothing; in a
    village one person has every part."""

    async def go() -> None:
        async with clinic(tmp_path, county.request(), county.consent(), county.slip()) as server:
            offices = [(one, "township", "physician", "referral-office") for one in sorted(STAMPED)]
            offices += [(one, "county", "porter", "medical-affairs") for one in sorted(RECEIVED_BY_OFFICE)]
            for after, institution, wrong, right in offices:
                before = next(one for one, following in LEGAL.items() if after in following.split())
                await reset(server, before)
                assert (await server.tried(in_state(after), principal(institution, wrong)))[0] == 403, after
                assert (await server.tried(in_state(after), principal(institution, right)))[0] == 200, after

    asyncio.run(go())


def test_a_referral_begins_at_its_beginning(tmp_path: Path) -> None:
    """A new Task may be a draft, awaiting or sent; in an emergency accepted; nothing else, except for legacy ones."""

    async def go() -> None:
        async with clinic(tmp_path) as server:
            for urgent in (False, True):
                for number, state in enumerate(STATUS):
                    name = f"{'e' if urgent else 'n'}{number}"
                    made = county.request(name, priority="stat" if urgent else "routine", status=REQUEST[state])
                    await server.taken_in(made, county.consent(name, name))
                    begun = county.task(state, name, name, statusReason={"text": "原因"})
                    allowed = state in ("draft", "awaiting-consent", "awaiting-stamp", "sent")
                    allowed = allowed or (urgent and state == "accepted")
                    assert (await server.tried(begun, TOWNSHIP))[0] == (201 if allowed else 422), (urgent, state)

    asyncio.run(go())
