"""What a family-doctor contract says, read from the R4 Contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from countyfhir.exchange import Resource

KIND = {
    "system": "https://fhir.county-hc.example/cs/contract-kind",
    "code": "family-doctor",
    "display": "家庭医生签约服务协议 Family-doctor contract",
}
END_REASON = "https://fhir.county-hc.example/StructureDefinition/contract-end-reason"
SERVICE = "https://fhir.county-hc.example/rules/contract-service"
"""``Task.instantiatesUri`` of a service that a contract promises."""

Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Promise:
    """A service that a contract promises so many times: its concept, and the place of its item."""

    concept: Resource
    times: int
    place: str

    @property
    def name(self) -> str:
        """What people call it: the text, or the display of the first coding, or its code."""
        coding = (self.concept.get("coding") or [{}])[0]
        return str(self.concept.get("text") or coding.get("display") or coding.get("code") or self.place)


def is_bound(contract: Resource | None, table: Table) -> bool:
    """Whether the rules bind a Contract: it claims the county's profile, or its type has the county's code."""
    if contract is None:
        return False
    if claims(contract, table["bound"]["profiles"]):
        return True
    codings = (contract.get("type") or {}).get("coding", ())
    return any(f"{one.get('system')}|{one.get('code')}" in table["bound"]["kinds"] for one in codings)


def claims(resource: Resource, profiles: list[str]) -> bool:
    """Whether ``meta.profile`` has one of them, whatever its version."""
    claimed = (resource.get("meta") or {}).get("profile", ())
    return any(str(one).partition("|")[0] in profiles for one in claimed)


def subject_of(contract: Resource) -> str | None:
    """The reference to the resident; None unless there is exactly one, to a Patient."""
    named = [str(one.get("reference", "")) for one in contract.get("subject", ())]
    return named[0] if len(named) == 1 and "Patient/" in named[0] else None


def institutions_of(contract: Resource) -> list[str]:
    """References to the Organizations that keep the contract."""
    return [str(one["reference"]) for one in contract.get("authority", ()) if one.get("reference")]


def period_of(contract: Resource) -> tuple[str, str]:
    """First and last day (YYYY-MM-DD) of its term; 0001 and 9999 where it is open."""
    return days_of(contract.get("applies"))


def days_of(period: Mapping[str, Any] | None) -> tuple[str, str]:
    """First and last day of a Period, of whatever precision."""
    told = period or {}
    start, end = str(told.get("start") or "0001-01-01"), str(told.get("end") or "9999-12-31")
    return (start[:10] + "-01-01"[len(start) - 10 :] if len(start) < 10 else start[:10], _last_day(end))


def _last_day(text: str) -> str:
    if len(text) >= 10:
        return text[:10]
    return f"{text}-31" if len(text) == 7 else f"{text}-12-31"  # compared as text: a 31st that is none does no harm


def overlap(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two terms share a day."""
    return one[0] <= other[1] and other[0] <= one[1]


def within(inner: tuple[str, str], outer: tuple[str, str]) -> bool:
    """Whether a term lies in another."""
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def reason_of(contract: Resource) -> str | None:
    """Why it ended: the extension, or what the legacy export writes into supportingInfo."""
    for one in contract.get("extension", ()):
        if one.get("url") == END_REASON:
            concept = one.get("valueCodeableConcept") or {}
            coded = (concept.get("coding") or [{}])[0]
            return str(concept.get("text") or coded.get("display") or coded.get("code") or "") or None
    displays = (str(one.get("display", "")) for one in contract.get("supportingInfo", ()))
    return next((one for one in displays if one.startswith("解约原因") and one.strip() != "解约原因"), None)


def related(contract: Resource, resource_type: str) -> list[str]:
    """References of ``supportingInfo`` to a type: the CareTeam, the Coverage, the contract before."""
    named = (str(one.get("reference", "")) for one in contract.get("supportingInfo", ()))
    return [one for one in named if one.startswith(f"{resource_type}/")]


def promises(contract: Resource) -> Iterator[Promise]:
    """The services of its terms with their counts (``term.asset.valuedItem``: entity and quantity)."""
    for number, term in enumerate(contract.get("term", ())):
        for place, item in enumerate(_items(term)):
            times = int((item.get("quantity") or {}).get("value") or 0)
            concept = item.get("entityCodeableConcept")
            if times > 0 and concept:
                yield Promise(concept, times, f"{number}.{place}")


def _items(term: Resource) -> Iterator[Resource]:
    for asset in term.get("asset", ()):
        yield from asset.get("valuedItem", ())
    for inner in term.get("group", ()):
        yield from _items(inner)
