"""What a Consent permits and refuses, by its provisions (R4 Consent; docs/access.md says what is read and what not)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from countyfhir.access.relating import PATIENT, REACH, Reading, holds, listed, relation, values
from countyfhir.model.definitions import definitions
from countyfhir.search.query import FOREVER
from countyfhir.search.relations import ACTORS, DENY, FIRM, PERMIT, Target

if TYPE_CHECKING:
    from countyfhir.access.relating import Relating
    from countyfhir.search.entries import Entry

UNREAD = ("code", "securityLabel", "dataPeriod")
"""Limits of a provision that are not looked at: a permission with one gives nothing, a refusal holds without it."""
READING = frozenset({"access", "use", "disclose"})
"""Consent actions that are about seeing."""
NOBODY: Target = ("", "")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a provision is about, with what it has from those around it. ``actors`` None: nobody is named; ``exact``:
    all limits could be read."""

    actors: tuple[Target, ...] | None = None
    low: int = -FOREVER
    high: int = FOREVER
    types: str = ""
    instances: tuple[Target, ...] = (NOBODY,)
    exact: bool = True
    counts: bool = True  # the purpose and the action are ours


@dataclass(frozen=True, slots=True)
class About:
    """A Consent: the institutions it is for where no actor is named, the purposes that count, how it is read."""

    own: tuple[Target, ...]
    purposes: frozenset[str]
    reading: Reading


def entries_of(resource: Mapping[str, Any], relating: Relating, reading: Reading) -> Iterator[Entry]:
    """The relations of an active Consent, by the first row of ``consents`` that chooses it."""
    if resource.get("status") != "active":
        return
    chosen = next((row for row in relating.consents if row[1] is None or holds(row[1], resource)), None)
    if chosen is None:
        return
    row, _, organizations = chosen
    patients = reading.targets([resource.get("patient")], (PATIENT,))
    own = tuple(reading.targets(values(organizations, resource)))
    about = About(own, frozenset(relating.table["purposes"]), reading)
    provision = resource.get("provision")
    for effect, limits in effects(provision, Limits(), None, about) if provision else ():
        actors = limits.actors if limits.actors is not None else (NOBODY,) if effect == DENY else own
        period = (limits.low, limits.high)
        for patient in patients:
            for actor in actors:
                for instance in limits.instances:
                    reach = REACH[row.get("reach", "person")]
                    yield relation(row["name"], patient, actor, effect, reach, period, limits.types, instance)


def effects(
    provision: Mapping[str, Any], around: Limits, outer: str | None, about: About
) -> Iterator[tuple[int, Limits]]:
    """A provision's own effect, and those of the exceptions inside. A permission inside a refusal is firm; a refusal
    inside a permission is one for those whom the permission is for."""
    limits, kind = limited(provision, around, about.purposes, about.reading), provision.get("type")
    if kind == "permit" and limits.exact and limits.counts:
        yield (FIRM if outer == "deny" else PERMIT), limits
    elif kind == "deny" and limits.counts:
        yield DENY, limits
    if kind == "permit" and limits.actors is None:
        limits = replace(limits, actors=about.own)
    for inner in provision.get("provision", ()):
        yield from effects(inner, limits, kind or outer, about)


def limited(provision: Mapping[str, Any], around: Limits, purposes: frozenset[str], reading: Reading) -> Limits:
    """The limits of a provision: its own, else those around it."""
    limits = around
    if "actor" in provision:
        named = reading.targets((one.get("reference") for one in provision["actor"]), ACTORS)
        limits = replace(limits, actors=tuple(named))
    if isinstance(period := provision.get("period"), dict):
        start, end = reading.moment(period.get("start")), reading.moment(period.get("end"))
        low, high = start[0] if start else -FOREVER, end[1] if end else FOREVER
        limits = replace(limits, low=max(low, limits.low), high=min(high, limits.high))
    if "class" in provision:
        names = [str(one.get("code")) for one in provision["class"]]
        known = definitions().resource_types
        if all(name in known for name in names):
            limits = replace(limits, types=listed(names))
        else:
            limits = replace(limits, exact=False)
    if "data" in provision:
        every = [one for one in provision["data"] if one.get("meaning") == "instance"]
        named = reading.targets((one.get("reference") for one in every), definitions().resource_types)
        if len(named) == len(provision["data"]):
            limits = replace(limits, instances=tuple(named))
        else:
            limits = replace(limits, exact=False)
    if any(name in provision for name in UNREAD):
        limits = replace(limits, exact=False)
    return replace(limits, counts=limits.counts and _is_ours(provision, purposes))


def _is_ours(provision: Mapping[str, Any], purposes: frozenset[str]) -> bool:
    """Whether the provision is about seeing a record in care."""
    said = {one.get("code") for one in provision.get("purpose", ())}
    actions = {code.get("code") for one in provision.get("action", ()) for code in one.get("coding", ())}
    return (not said or not said.isdisjoint(purposes)) and (not actions or not actions.isdisjoint(READING))
