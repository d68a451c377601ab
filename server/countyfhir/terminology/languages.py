"""Which display is shown in which language (RFC 4647 matching; ValueSet/$expand: displayLanguage)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=256)
def ranges(text: str | None) -> tuple[str, ...]:
    """The languages of an Accept-Language text, the dearest first; those with q=0 are left out."""
    found = []
    for place, part in enumerate((text or "").split(",")):
        language, _, rest = part.partition(";")
        quality = rest.strip().removeprefix("q=") if rest else "1"
        try:
            weight = float(quality)
        except ValueError:
            weight = 0.0
        if language.strip() and weight > 0:
            found.append((-weight, place, language.strip()))
    return tuple(language for _, _, language in sorted(found))


def fits(wanted: str, language: str | None) -> bool:
    """Whether a text of ``language`` does for who wants ``wanted``: the same, or a region or script of it."""
    if language is None:
        return False
    ours, theirs = wanted.casefold(), language.casefold()
    return ours in ("*", theirs) or theirs.startswith(ours + "-")


def fits_loosely(wanted: str, language: str | None) -> bool:
    """``fits``, or the language without the region that is wanted (zh for zh-CN)."""
    return fits(wanted, language) or (language is not None and wanted.casefold().startswith(language.casefold() + "-"))


def display(
    own: str | None, language: str | None, designations: Iterable[Mapping[str, Any]], wanted: Sequence[str]
) -> str | None:
    """The text to show: ``own`` when it is in a wanted language or none is wanted, else a designation in one, else
    ``own``."""
    if not wanted:
        return own
    named = list(designations)
    for one in wanted:
        if fits_loosely(one, language):
            return own
        for designation in named:
            if fits_loosely(one, designation.get("language")):
                return str(designation["value"])
    return own
