"""What a literal reference points to: a local resource, or an absolute url (R4 section 2.3.0.1)."""

from __future__ import annotations

import re
from functools import lru_cache

_LITERAL = re.compile(
    r"(?:(?P<base>[A-Za-z][A-Za-z0-9+.-]*://\S*)/)?(?P<type>[A-Z][A-Za-z]{1,63})/(?P<id>[A-Za-z0-9.-]{1,64})"
    r"(?P<version>/_history/[A-Za-z0-9.-]{1,64})?"
)


@lru_cache(maxsize=16_384)
def target_of(reference: str | None, bases: tuple[str, ...]) -> tuple[str, str] | None:
    """``(type, id)`` of a local literal, ``("", url)`` of an absolute one, None for none, ``#contained`` or fragments.

    A version (``/_history/7``) is left out: the index answers which resource is meant.
    """
    if not reference or reference[0] == "#":
        return None
    found = _LITERAL.fullmatch(reference)
    if found is None:
        return ("", reference) if ":" in reference else None
    base = found["base"]
    if base is None or base in bases:
        return found["type"], found["id"]
    return "", reference[: found.start("version")] if found["version"] else reference


def type_of(reference: str | None, stated: str | None) -> str | None:
    """The resource type a Reference leads to: from its literal, else ``Reference.type``, None when neither says."""
    if reference:
        found = _LITERAL.fullmatch(reference)
        if found:
            return found["type"]
    return stated
