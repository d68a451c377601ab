"""The two forms of a resident identity number: 15 digits (before 1999) and 18 (GB 11643-1999), one person."""

from __future__ import annotations

import re

_PROVINCE = r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])\d{4}"
_DAY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_OLD = re.compile(rf"{_PROVINCE}\d{{2}}{_DAY}\d{{3}}", re.ASCII)
_NEW = re.compile(rf"{_PROVINCE}(?:19|20)\d{{2}}{_DAY}\d{{3}}[\dXx]", re.ASCII)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"


def equivalents(value: str) -> tuple[str, ...]:
    """The other forms of ``value`` when it is a valid resident identity number, else ``()``.

    15 digits give the 18 of the 1900s, 18 of the 1900s give the 15; a final X is also written x.
    """
    if len(value) == 18 and _NEW.fullmatch(value):
        proper = value.upper()
        if check_character(proper[:17]) != proper[17]:
            return ()
        old = (proper[:6] + proper[8:17],) if proper[6:8] == "19" else ()
        return tuple(form for form in dict.fromkeys((proper, proper.lower(), *old)) if form != value)
    if len(value) == 15 and _OLD.fullmatch(value):
        body = value[:6] + "19" + value[6:]
        new = body + check_character(body)
        return tuple(dict.fromkeys((new, new.lower())))
    return ()


def check_character(body: str) -> str:
    """The check character of 17 digits (ISO 7064 MOD 11-2, as GB 11643 uses it)."""
    return _CHECK[sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, body, strict=True)) % 11]
