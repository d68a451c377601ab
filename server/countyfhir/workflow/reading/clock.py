"""The clock of an order: from the request to the first report by a human, never set back (DOMAIN 3.8; the limit itself
is in time)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.reading.devices import by_device
from countyfhir.workflow.reading.reading import ISSUED, PLACE, claims, of_code
from countyfhir.workflow.situation import Situation
from countyfhir.workflow.timing import micros

MINUTE = 60_000_000
HOUR = 3_600_000_000
REPORTED = (*ISSUED, "preliminary")
ORDER_KIND = f"{PLACE}/cs/order-kind"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of order: its name, what people call it, and its limits in microseconds."""

    name: str
    title: str
    limit: int
    warning: int


@dataclass(frozen=True, slots=True)
class Timeliness:
    """When an order was requested and first reported by a human; ``within`` is None as long as it is not reported or
    nobody knows when it was requested."""

    kind: str
    requested: int | None
    reported: int | None
    within: bool | None

    @property
    def minutes(self) -> float | None:
        """Minutes that passed."""
        if self.requested is None or self.reported is None:
            return None
        return (self.reported - self.requested) / MINUTE


def kind_of(order: Resource | None, table: Mapping[str, Any]) -> Kind | None:
    """The kind of order a ServiceRequest is; None for one that is none of the centres'."""
    if order is None or order.get("resourceType") != "ServiceRequest":
        return None
    category = category_of(order, table)
    if category is None:
        return None
    words = " ".join(_words(order))
    for row in table["kinds"]:
        fits = category in row.get("within", ()) and any(one in words for one in row.get("words", ()))
        if fits or row["name"] == category:
            title = f"{row['english']} {row['chinese']}"
            return Kind(row["name"], title, int(row["minutes"] * MINUTE), int(row["warning"] * MINUTE))
    return None


def category_of(order: Resource, table: Mapping[str, Any]) -> str | None:
    """The category that says so, that of its profile, or that of the numbers of its centre."""
    bound = table["bound"]
    for each in order.get("category", ()):
        for coding in each.get("coding", ()):
            if coding.get("system") == bound["category"] and coding.get("code"):
                return str(coding["code"])
    claimed = claims(order, bound["profiles"])
    if claimed is not None:
        return str(bound["profiles"][claimed])
    systems = (one.get("system") for one in order.get("identifier", ()))
    return next((bound["order_systems"][one] for one in systems if one in bound["order_systems"]), None)


def _words(order: Resource) -> Iterable[str]:
    code = order.get("code") or {}
    yield str(code.get("text", ""))
    for coding in code.get("coding", ()):
        yield str(coding.get("display", ""))


def requested_at(order: Resource, table: Mapping[str, Any], now: int | None) -> int | None:
    """When the clock starts, in microseconds; ``now`` where the order itself says no time of day."""
    for name in table["clock"]:
        found = now if name == "now" else micros(order.get(name))
        if found is not None:
            return found
    return None


def timeliness(
    order: Resource, reports: Iterable[Resource], table: Mapping[str, Any], task: Resource | None = None
) -> Timeliness | None:
    """How an order stands by what is stored: its reports, and its Task, which remembers the first report where a later
    version bears another instant. None for an order that is none of the centres'."""
    kind = kind_of(order, table)
    if kind is None:
        return None
    requested = requested_at(order, table, micros((task or {}).get("authoredOn")))
    remembered = [micros(one.get("valueInstant")) for one in of_code(task or {}, "output", "first-report")]
    issued = [micros(one.get("issued")) for one in reports if one.get("status") in REPORTED and not by_device(one)]
    told = [one for one in remembered or issued if one is not None]
    reported = min(told, default=None)
    within = None if requested is None or reported is None else reported - requested <= kind.limit
    return Timeliness(kind.name, requested, reported, within)


def is_history(situation: Situation, order: Resource, table: Mapping[str, Any]) -> bool:
    """Whether it is a legacy record of what happened long ago."""
    requested = requested_at(order, table, None)
    return situation.from_intake and (requested is None or requested < situation.now - table["intake_hours"] * HOUR)
