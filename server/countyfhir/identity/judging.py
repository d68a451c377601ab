"""Two records: one person or not? Certain by numbers, else by the sum of weights (Fellegi and Sunter), with what no
score may overrule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from countyfhir.identity import addresses, births, names
from countyfhir.identity.features import Features, births_of
from countyfhir.identity.rules import Rules

CERTAIN, PROBABLE, POSSIBLE, NOT = "certain", "probable", "possible", "certainly-not"

_BIRTHS = ("day", "month", "transposed", "digit", "year", "lunar", "near", "other", "")
_NAMES = ("same", "sound", "similar", "surname", "other", "")
_PLACES = ("house", "village", "town", "other", "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """``grade`` of FHIR's match-grade; ``bits`` the sum of weights; ``agreements`` field -> agreement; ``conflict``:
    they cannot be one person, and no third record may bring them together."""

    grade: str
    bits: float
    agreements: dict[str, str]
    conflict: bool = False

    def score(self, rules: Rules) -> float:
        """The probability between 0 and 1 that they are one person."""
        if self.grade == CERTAIN and self.agreements.get("national") == "same":
            return 1.0
        odds = max(min(self.bits - rules.base, 40.0), -40.0)
        return float(round(1 / (1 + 2.0**-odds), 4))


def judge(a: Features, b: Features, rules: Rules) -> Verdict:
    """The verdict on two records, the same whichever comes first."""
    found = agreements(a, b)
    bits = sum(rules.weight(field, how) for field, how in found.items())
    same_number = found["national"] == "same"
    if same_number:
        return _by_number(a, b, found, bits)
    conflict = found["national"] == "other" or found["archive"] == "other"
    numbered = found["archive"] == "same" or found["identifier"] == "same"
    unlike = found["name"] in ("surname", "other")  # twins differ in their given names
    if unlike or (not found["name"] and not numbered) or bits < (rules.link if conflict else rules.review):
        return Verdict(NOT, bits, found, conflict)
    named = found["name"] in rules.names_that_link or (not found["name"] and found["archive"] == "same")
    clean = found["sex"] != "other" and found["birth"] not in ("other", "near") and not conflict
    if bits >= rules.link and named and clean:
        return Verdict(CERTAIN, bits, found)
    return Verdict(PROBABLE if named and clean else POSSIBLE, bits, found, conflict)


def _by_number(a: Features, b: Features, found: dict[str, str], bits: float) -> Verdict:
    """One valid identity number on both: certain with an agreeing name, or, where one has no name to go by, with the
    birth dates that both record (that inside the number says nothing beside it) and the sex; else somebody may have
    lent a card. Two names that have nothing in common are never joined by a third record without one."""
    if found["name"] in ("same", "sound", "similar"):
        return Verdict(CERTAIN, bits, found)
    recorded = births.agreement(a.birth, b.birth) if a.birth and b.birth else ""
    if not found["name"] and recorded in ("day", "month") and found["sex"] in ("same", ""):
        return Verdict(CERTAIN, bits, found)
    return Verdict(PROBABLE, bits, found, conflict=found["name"] == "other")


def agreements(a: Features, b: Features) -> dict[str, str]:
    """Field -> how they agree, ``""`` where one of them says nothing."""
    return {
        "national": _shared(a.national, b.national),
        "archive": _shared(a.archive, b.archive),
        "identifier": "same" if set(a.identifiers) & set(b.identifiers) else "",
        "name": _best(_NAMES, (names.agreement(x, y) for x in a.names for y in b.names)),
        "sex": ("same" if a.sex == b.sex else "other") if a.sex and b.sex else "",
        "birth": _births(a, b),
        "phone": _shared(a.phones, b.phones),
        "address": _best(_PLACES, (addresses.agreement(x, y) for x in a.places for y in b.places)),
        "contact": _contact(a, b),
    }


def _shared(a: tuple[str, ...], b: tuple[str, ...]) -> str:
    if not a or not b:
        return ""
    return "other" if set(a).isdisjoint(b) else "same"


def _births(a: Features, b: Features) -> str:
    """As recorded; where a recorded date contradicts, the date inside an identity number may agree (M05)."""
    return _best(_BIRTHS, (births.agreement(x, y) for x in births_of(a) for y in births_of(b)))


def _contact(a: Features, b: Features) -> str:
    if set(a.contact_phones) & set(b.contact_phones):
        return "phone"
    return "name" if set(a.contact_names) & set(b.contact_names) else ""


def _best(order: tuple[str, ...], found: Iterable[str]) -> str:
    return min(found, key=order.index, default="")
