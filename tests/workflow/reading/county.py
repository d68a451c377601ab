"""A small county for the tests of the reading centres: a township that asks, a centre that reads, two residents;
a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from countyfhir.app import Opened, open_world
from countyfhir.exchange import Answer, Interaction, Preconditions, Preferences, Principal
from countyfhir.interactions import timers
from countyfhir.interactions.perform import perform
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.settings import load
from countyfhir.workflow.timing import instant
from tests.stores import store_at

PLACE = "https://fhir.county-hc.example"
PROFILE = f"{PLACE}/StructureDefinition"
KIND = f"{PLACE}/cs/order-kind"
NUMBERS = f"{PLACE}/id/ecg-centre/order"
REPORTS = f"{PLACE}/id/ecg-centre/report"
CARD = "urn:oid:2.16.156.10011.1.3"
START = 1_800_000_000_000_000  # 2027-01-15T08:00:00Z
MINUTE = 60_000_000
WANG, LI = "370523196409226914", "370523198107187349"
Resource = dict[str, Any]


@dataclass
class County:
    """A server, and its clock."""

    opened: Opened
    at: int = START

    @property
    def world(self) -> World:
        """The world with the clock of the test."""
        return replace(self.opened.world, now=lambda: self.at)

    async def ask(self, interaction: Interaction) -> Answer:
        """Perform it now."""
        return await perform(interaction, self.world)

    async def put(self, resource: Resource, **further: Any) -> Resource:
        """PUT it; the stored resource."""
        kind, name = resource["resourceType"], resource["id"]
        return told(await self.ask(Interaction("update", kind, name, body=resource, **further)))

    async def post(self, resource: Resource, **further: Any) -> Answer:
        """POST it."""
        return await self.ask(Interaction("create", resource["resourceType"], body=resource, **further))

    async def get(self, reference: str) -> Resource:
        """The current resource."""
        kind, _, name = reference.partition("/")
        return told(await self.ask(Interaction("read", kind, name)))

    async def find(self, kind: str, **criteria: str) -> list[Resource]:
        """What a search finds."""
        query = tuple((name.rstrip("_").replace("__", "-"), value) for name, value in criteria.items())
        answer = await self.ask(Interaction("search-type", kind, query=(*query, ("_count", "100"))))
        return [one["resource"] for one in told(answer).get("entry", ())]

    async def wait(self, minutes: float) -> None:
        """Let time pass, and the timers be looked at."""
        self.at += int(minutes * MINUTE)
        while await timers.act(self.world):
            pass

    def ago(self, minutes: float) -> str:
        """An instant so many minutes ago."""
        return instant(self.at - int(minutes * MINUTE))


def told(answer: Answer) -> Resource:
    """The resource of an answer."""
    body = answer.body
    return json.parse(body) if isinstance(body, bytes) else dict(body or {})


@asynccontextmanager
async def county(path: Path, **settings: Any) -> AsyncIterator[County]:
    """A county with its institutions and residents."""
    given = {"store": store_at(path / "a.sqlite"), "load_definitions": "off", **settings}
    async with open_world(load(given)) as opened:
        here = County(opened)
        for name, title in (("town", "柳河镇中心卫生院"), ("centre", "远程心电中心"), ("hospital", "县人民医院")):
            await here.put({"resourceType": "Organization", "id": name, "name": title, "active": True})
        await here.put(
            {
                "resourceType": "Organization",
                "id": "clinic",
                "name": "柳河东村卫生室",
                "partOf": {"reference": "Organization/town"},
            }
        )
        for name, number in (("wang", WANG), ("li", LI)):
            given_number = {"system": CARD, "value": number}
            await here.put({"resourceType": "Patient", "id": name, "identifier": [given_number]})
        yield here


def order(name: str = "o1", patient: str = "wang", asked: str | None = None, **more: Any) -> Resource:
    """An order of an ECG by the township hospital."""
    return {
        "resourceType": "ServiceRequest",
        "id": name,
        "identifier": [{"system": NUMBERS, "value": f"XD-{name}"}],
        "status": "active",
        "intent": "order",
        "category": [{"coding": [{"system": KIND, "code": "ecg"}]}],
        "code": {"text": "常规十二导联心电图"},
        "subject": {"reference": f"Patient/{patient}"},
        "authoredOn": asked or instant(START),
        "requester": {"reference": "Organization/town"},
        "performer": [{"reference": "Organization/centre"}],
        **more,
    }


def report(
    issued: str, number: str = "R1", order_name: str = "o1", card: str = "370523196409226914", **more: Any
) -> Resource:
    """A report as a centre sends it that knows no ids of ours."""
    return {
        "resourceType": "DiagnosticReport",
        "identifier": [{"system": REPORTS, "value": number}],
        "basedOn": [{"identifier": {"system": NUMBERS, "value": f"XD-{order_name}"}}],
        "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "EC"}]}],
        "code": {"text": "常规十二导联心电图"},
        "subject": {"identifier": {"system": CARD, "value": card}},
        "issued": issued,
        "performer": [{"reference": "Organization/centre"}],
        "conclusion": "窦性心律，正常心电图",
        **more,
    }


def key(name: str, organization: str | None, *roles: str) -> Principal:
    """Who asks with an API key."""
    return Principal(name, "key", organization, roles, ("system/*.cruds",))


__all__ = ["Preconditions", "Preferences"]
