"""What humans and sources say about two records: link, unlink, merge, and taking it back (docs/persons.md)."""

from __future__ import annotations

from dataclasses import replace

from countyfhir.exchange import Resource, Stored
from countyfhir.identity.grouping import pair
from countyfhir.interactions.persons import index, reviews
from countyfhir.interactions.persons.earlier import earlier, kept
from countyfhir.interactions.persons.neighbourhood import OPEN, REVIEW
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.store.ports import PersonDecision


async def decision_about(a: str, b: str, world: World) -> PersonDecision | None:
    """What is decided about two records."""
    found = await world.store.persons.decisions([a])
    return next((one for one in found if pair(one.a, one.b) == pair(a, b)), None)


async def decide(kind: str, a: str, b: str, by: str, world: World) -> dict[str, Stored]:
    """Keep a decision, with what was decided before, and regroup; the versions that came of it. A Task that asked for
    it is completed."""
    before = await decision_about(a, b, world)
    past = kept(before)
    if kind == "merge" and "active" not in past:
        current = await world.store.resources.read("Patient", a)
        if current is not None and current.body is not None:
            past["active"] = json.parse(current.body).get("active")
    await world.store.persons.decide([PersonDecision(a, b, kind, by, world.now(), past)])
    if before is not None and before.kind == REVIEW:
        await reviews.close([before.by], "completed", f"Decided: {kind}.", world)
    return await index.link([a, b], world)


async def take_back(kind: str, a: str, b: str, by: str, world: World) -> dict[str, Stored] | None:
    """Take the last decision of that kind back: what was decided before holds again. None when there is none."""
    known = await decision_about(a, b, world)
    if known is None or known.kind != kind:
        return None
    await world.store.persons.decide([replace(earlier(known), by=by, recorded=world.now())])
    return await index.link([a, b], world)


async def follow_linkages(linkages: list[Stored], world: World) -> None:
    """Do what Linkages say: ``historical`` records went into the ``source`` (HL7 A40), ``alternate`` ones are the same
    person. One that is deleted or no longer active takes back what it said."""
    for one in linkages:
        by = f"Linkage/{one.logical_id}"
        said = _pairs(json.parse(one.body)) if one.body is not None else {}
        before = await world.store.resources.vread("Linkage", one.logical_id, one.version_id - 1)
        past = _all_pairs(json.parse(before.body)) if before is not None and before.body is not None else {}
        for (a, b), kind in past.items():
            known = await decision_about(a, b, world)
            if (a, b) not in said and known is not None and known.by == by:
                await take_back(kind, a, b, by, world)
        for (a, b), kind in said.items():
            known = await decision_about(a, b, world)
            if known is None or known.kind in (OPEN, REVIEW) or (known.kind, kind) == ("link", "merge"):
                await decide(kind, a, b, by, world)


def _pairs(linkage: Resource) -> dict[tuple[str, str], str]:
    return {} if linkage.get("active") is False else _all_pairs(linkage)


def _all_pairs(linkage: Resource) -> dict[tuple[str, str], str]:
    items = [(one.get("type"), _patient(one)) for one in linkage.get("item", ())]
    sources = [patient for kind, patient in items if kind == "source" and patient]
    kinds = {"historical": "merge", "alternate": "link"}
    return {
        (str(patient), source): kinds[str(kind)]
        for source in sources[:1]
        for kind, patient in items
        if kind in kinds and patient and patient != source
    }


def _patient(item: Resource) -> str | None:
    kind, _, logical_id = str(item.get("resource", {}).get("reference", "")).rpartition("/")
    return logical_id if kind.rpartition("/")[2] == "Patient" else None
