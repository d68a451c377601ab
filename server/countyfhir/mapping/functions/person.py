"""Names and identity numbers (GB 11643-1999; dirt M01-M05, M09, M29, M30)."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Any

from countyfhir.mapping.finding import HeldBack, Noted
from countyfhir.mapping.functions.function import Function
from countyfhir.mapping.functions.text import text

DOTS = re.compile("(?<=\\w)\\s*[.\u00b7\u30fb\u2022\u2027\u2219\u22c5\u2024\uff0e\u318d\u3002\uff61\uff65]\\s*(?=\\w)")
BETWEEN_IDEOGRAPHS = re.compile("(?<=[\u2e80-\U0003ffff\u00b7])\\s+(?=[\u2e80-\U0003ffff\u00b7])")
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_CHARACTERS = "10X98765432"
LOST_CHARACTER = re.compile("[\u3400-\u9fff]\\s*\\?|\\?\\s*[\u3400-\u9fff]")
"""A rare character that the exporting system could not write: no name has a question mark."""
INVISIBLE = re.compile("[\\s\u200b-\u200f\u2060\ufeff]|^['\u2018\u2019`]")
"""Blanks of all kinds, and the apostrophe by which a spreadsheet is told that a cell is text."""
PLACEHOLDERS = frozenset({"123456789012345678", "123456789012345", "12345678901234567X"})


def name(value: Any) -> str | None:
    """A name without inner blanks between ideographs, its dot as U+00B7 (M09); damaged text is held back (M29)."""
    plain = text(unicodedata.normalize("NFC", str(value)))
    if LOST_CHARACTER.search(plain):
        raise HeldBack("M29")
    plain = DOTS.sub("\u00b7", plain)
    return re.sub(r"\s+", " ", BETWEEN_IDEOGRAPHS.sub("", plain)) or None


def check_character(first_17: str) -> str:
    """The 18th character (GB 11643: weighted sum modulo 11)."""
    return CHECK_CHARACTERS[sum(weight * int(digit) for weight, digit in zip(WEIGHTS, first_17, strict=True)) % 11]


def birth_of(number: str) -> str | None:
    """The birth date inside an 18-character number, or None when it is not in the calendar."""
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14])).isoformat()
    except ValueError:
        return None


def placeholder(number: str) -> bool:
    """Whether it only fills the field (M03): words, one digit repeated, also behind the code of a place, counting up, a
    birth date of 1900-01-01."""
    if number in PLACEHOLDERS or len(set(number)) == 1 or not re.search(r"\d", number):
        return True
    if len(number) in (15, 18) and len(set(number[6:].rstrip("X"))) <= 1:
        return True
    return len(number) == 18 and number[6:14] == "19000101"


def identity_number(value: Any) -> Any:
    """``value`` (18 characters), ``verified``, ``birth`` and ``gender`` of an identity number.

    M01 normalised; M02 15 characters become 18; M03 placeholders and M30 scientific notation held back; M04 a wrong
    check character leaves it unverified, which also is what any other malformed number is.
    """
    number = INVISIBLE.sub("", unicodedata.normalize("NFKC", str(value))).upper()
    if re.fullmatch(r"\d(?:\.\d+)?E\+?\d+", number):
        raise HeldBack("M30")
    if placeholder(number):
        raise HeldBack("M03")
    if re.fullmatch(r"\d{15}", number) and number[12:] < "996":
        extended = f"{number[:6]}19{number[6:]}"
        number = extended + check_character(extended)
    born = birth_of(number) if re.fullmatch(r"\d{17}[\dX]", number) else None
    if born is None or check_character(number[:17]) != number[17]:
        return Noted({"value": number, "verified": False}, "M04")
    gender = "male" if int(number[16]) % 2 else "female"
    return {"value": number, "verified": True, "birth": born, "gender": gender}


def contradicts(value: Any, other: Any) -> bool:
    """Whether two dates of possibly different precision cannot both be true; a blank contradicts nothing."""
    if not value or not other:
        return False
    shared = min(len(value), len(other))
    return str(value)[:shared] != str(other)[:shared]


FUNCTIONS = (
    Function("name", name, "a name without inner blanks, its dot normalised (M09)"),
    Function("identity_number", identity_number, "value, verified, birth, gender of an identity number (M01-M04)"),
    Function("contradicts", contradicts, "whether two dates cannot both be true (M05)", (2, 2)),
)
