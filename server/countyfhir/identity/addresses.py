"""The parts of an address that residents share: town, village or community, house."""

from __future__ import annotations

import re
from functools import lru_cache

from countyfhir.search.normalise import normalise

_PARTS = re.compile(
    r"(?:.*?[省市])?(?:.{1,8}?[县区旗])?"
    r"(?P<town>[^县区镇乡]{1,8}?(?:镇|乡|街道))?"
    r"(?P<village>[^镇乡道]{1,10}?(?:村|社区|小区|居委会|路|街|巷|里))?"
    r"(?P<house>.*)$"
)


@lru_cache(maxsize=32_768)
def parts_of(text: str) -> tuple[str, str, str]:
    """Town, village and house; each may be empty."""
    plain = normalise(text).replace(" ", "")
    found = _PARTS.match(plain)
    if found is None:
        return "", "", plain
    house = re.sub(r"(?<=\d)(?:号|室)$", "", found["house"] or "")
    return found["town"] or "", found["village"] or "", house


def agreement(a: tuple[str, str, str], b: tuple[str, str, str]) -> str:
    """house, village, town or other; ``""`` when there is nothing to compare."""
    if a[1] and b[1]:
        if a[1] != b[1] or (a[0] and b[0] and a[0] != b[0]):
            return "other"
        return "house" if a[2] and a[2] == b[2] else "village"
    if a[0] and b[0]:
        return "town" if a[0] == b[0] else "other"
    if a[2] and not any((*a[:2], *b[:2])):
        return "house" if a[2] == b[2] else ""
    return ""
