"""$events: what a Subscription was, or is still to be, told of (Subscriptions R5 Backport,
backport-subscription-events)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlencode

from countyfhir.exchange import Answer, Grant, Interaction, Stored
from countyfhir.interactions import subscribing
from countyfhir.interactions.world import World
from countyfhir.operations.quarantine import number, numbers, parameters
from countyfhir.operations.subscriptions.subject import Known, notifying, one_of
from countyfhir.outcome import FhirError
from countyfhir.store.ports import Notification
from countyfhir.subscriptions import names
from countyfhir.subscriptions import status as told
from countyfhir.subscriptions.doors import owner_of

SINCE, UNTIL = "eventsSinceNumber", "eventsUntilNumber"
KNOWN = (SINCE, UNTIL, "content", "_count")
DEFAULT_COUNT = 100


async def events(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """A Bundle of type history: the status with the events from one number to another, both included, and what
    ``content`` asks for (as the Subscription has it unless it is said). At most ``_count`` of them, the first; the
    ``next`` link leads on. What its owner or the caller may not see is a number and no more."""
    notifying(world)
    assert interaction.logical_id is not None
    asked = parameters(interaction, KNOWN)
    known = await one_of(interaction.logical_id, grant, world)
    first, last = number(asked, SINCE, 0), next(iter(numbers(asked, UNTIL)), None)
    count = min(number(asked, "_count", DEFAULT_COUNT), world.policy.max_count)
    content = _content(asked.get("content", ()), known)
    last = min(last, known.subject.number) if last is not None else known.subject.number
    found = await world.store.outbox.notifications(known.stored.logical_id, first, last, count + 1) if count else []
    page = found[:count]
    bodies = await _bodies(page, known, interaction, world)
    shown = [one if one.number in bodies else replace(one, state="withheld") for one in page]
    bundle = told.bundle(known.subject, told.QUERY_EVENT, interaction.base, world.now(), shown, content, bodies)
    bundle["link"] = [_link("self", interaction, asked)]
    if len(found) > count and page:
        onwards = asked | {SINCE: [str(page[-1].number + 1)]}
        bundle["link"].append(_link("next", interaction, onwards))
    patients = {one.patient for one in bodies.values() if one.patient is not None}
    return Answer(200, body=bundle, patients=tuple(sorted(patients)) if content == names.FULL_RESOURCE else ())


def _content(asked: Sequence[str], known: Known) -> str:
    extension = (known.resource.get("channel", {}).get("_payload") or {}).get("extension", ())
    own = next((one.get("valueCode") for one in extension if one.get("url") == names.CONTENT), names.ID_ONLY)
    content = asked[0] if asked else str(own)
    if content not in names.CONTENTS:
        raise FhirError("value", f"content is one of {', '.join(names.CONTENTS)}.", expression="content")
    return content


async def _bodies(
    page: Sequence[Notification], known: Known, interaction: Interaction, world: World
) -> dict[int, Stored]:
    """The versions that both the owner and the caller may see, by number."""
    found: dict[int, Stored] = {}
    for one in page:
        event = one.event
        version = await world.store.resources.vread(event.resource_type, event.logical_id, event.version_id)
        if version is not None and one.state != "withheld":
            found[one.number] = version
    seen = await subscribing.seen(interaction.principal, found.values(), world)
    if known.registration is not None:
        seen &= await subscribing.seen(owner_of(known.registration), found.values(), world)
    return {place: version for place, version in found.items() if version.sequence in seen}


def _link(relation: str, interaction: Interaction, asked: dict[str, list[str]]) -> dict[str, str]:
    query = urlencode([(name, value) for name, values in asked.items() for value in values])
    place = f"{interaction.base}/Subscription/{interaction.logical_id}/$events"
    return {"relation": relation, "url": place + (f"?{query}" if query else "")}
