"""Which earlier results are of the same examination as one that is to be ordered (DOMAIN G7)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.timing import micros

DAY = 86_400_000_000
SEARCHED = (("DiagnosticReport", "date"), ("DiagnosticReport", "issued"), ("Observation", "date"))
"""Types of results, and the search parameters that say when one is of."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An examination: codes (system, code) or names, and methods and body sites where they are said."""

    codes: frozenset[tuple[str, str]] = frozenset()
    names: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()


def wanted_by(order: Resource) -> Wanted:
    """What an order asks for."""
    code = order.get("code") or {}
    sites = _marks(order.get("bodySite", ()))
    methods = _marks(order.get("orderDetail", ()))
    return Wanted(codes_of([code]), names_of([code]), methods, sites)


def codes_of(concepts: Iterable[Any]) -> frozenset[tuple[str, str]]:
    """System and code of each coding."""
    codings = (one for each in concepts for one in each.get("coding", ()))
    return frozenset((str(one.get("system", "")), str(one["code"])) for one in codings if one.get("code"))


def names_of(concepts: Iterable[Any]) -> frozenset[str]:
    """Texts and displays, without regard to case, width and blanks."""
    found = [each.get("text") for each in concepts]
    found += [one.get("display") for each in concepts for one in each.get("coding", ())]
    return frozenset(plain(one) for one in found if one)


def plain(text: str) -> str:
    """A name as it is compared."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def is_equivalent(wanted: Wanted, result: Resource) -> bool:
    """Whether a result is of the examination: one code in common (a name, where one of the two has no code), and not
    another method or body site."""
    code = [result.get("code") or {}]
    codes = codes_of(code)
    bare = {one for system, one in wanted.codes if not system}
    same = bool(codes & wanted.codes) or any(one in bare for _, one in codes)
    if not codes or len(bare) == len(wanted.codes):
        same = same or bool(names_of(code) & wanted.names)
    if not same:
        return False
    methods, sites = _marks([result.get("method") or {}]), _marks([result.get("bodySite") or {}])
    return (not methods or not wanted.methods or bool(methods & wanted.methods)) and (
        not sites or not wanted.sites or bool(sites & wanted.sites)
    )


def _marks(concepts: Iterable[Any]) -> frozenset[str]:
    told = [one for one in concepts if one]
    return frozenset(code for _, code in codes_of(told)) | names_of(told)


def made_at(result: Resource) -> int | None:
    """When a result is of: effective, else issued; a day without a time is its beginning."""
    period = result.get("effectivePeriod") or {}
    for text in (result.get("effectiveDateTime"), period.get("end") or period.get("start"), result.get("issued")):
        if text:
            found = micros(text) or (micros(f"{text}T00:00:00+08:00") if len(text) == 10 else None)
            if found is not None:
                return found
    return None


def recent(results: Iterable[Resource], wanted: Wanted, since: int, statuses: Iterable[str]) -> list[Resource]:
    """The equivalent results since an instant, newest first."""
    legal = set(statuses)
    found = [
        (moment, one)
        for one in results
        if one.get("status") in legal and (moment := made_at(one)) is not None and moment >= since
        if is_equivalent(wanted, one)
    ]
    return [one for _, one in sorted(found, key=lambda each: -each[0])]


def days_for(kind: str | None, table: Mapping[str, Any]) -> int:
    """For how many days a result of the kind is recent."""
    rules = table["recognition"]
    return int(rules["days"].get(kind, rules["default_days"]))
