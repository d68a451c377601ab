"""Blood pressure in one cell or in two, of one arm or both (dirt M11, M11k, M11q)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from countyfhir.mapping.finding import HeldBack
from countyfhir.mapping.functions.function import Function
from countyfhir.mapping.functions.text import narrow, not_taken

BOTH = re.compile(
    r"^(?:血压|bp)?\s*:?\s*(\d+(?:\.\d+)?)\s*[/\-\u2010-\u2015~、\\|:]\s*(\d+(?:\.\d+)?)\s*"
    r"(mmhg|mm/hg|毫米汞柱|kpa|千帕)?[\s。.;]*$",
    re.IGNORECASE,
)
IN_KPA = frozenset({"kpa", "千帕"})
MMHG_PER_KPA = Decimal("7.5")
SYSTOLIC, DIASTOLIC = (Decimal(50), Decimal(300)), (Decimal(20), Decimal(200))
SYSTOLIC_KPA = Decimal(40)
"""A systolic figure below this with a decimal point can only be kPa: nobody is measured at 21.5 mm[Hg]."""


def in_mmhg(figure: Decimal) -> Decimal:
    return (figure * MMHG_PER_KPA).quantize(Decimal(1), ROUND_HALF_UP)


def checked(systolic: Decimal, diastolic: Decimal) -> dict[str, Decimal]:
    """Both in mm[Hg]; swapped or impossible figures are held back (M11q)."""
    plausible = SYSTOLIC[0] <= systolic <= SYSTOLIC[1] and DIASTOLIC[0] <= diastolic <= DIASTOLIC[1]
    if not plausible or systolic <= diastolic:
        raise HeldBack("M11q")
    return {"systolic": systolic, "diastolic": diastolic}


def blood_pressure(value: Any) -> dict[str, Decimal] | None:
    """``systolic`` and ``diastolic`` in mm[Hg] of '140/90', '140／90mmHg', '140-90', '18.7/12.0kPa'; absent where none
    was taken ('-', 未测)."""
    plain = narrow(value)
    if not_taken(plain):
        return None
    match = BOTH.match(plain)
    if match is None:
        raise HeldBack("M11q")
    return checked(*as_mmhg(Decimal(match[1]), Decimal(match[2]), (match[3] or "").lower()))


def as_mmhg(systolic: Decimal, diastolic: Decimal, written: str = "") -> tuple[Decimal, Decimal]:
    """The figures in mm[Hg]: converted where kPa is written, or where no unit is and they can only be kPa (M11k)."""
    pointed = any(figure.as_tuple().exponent for figure in (systolic, diastolic))
    can_only_be = not written and pointed and systolic < SYSTOLIC_KPA
    if written in IN_KPA or can_only_be:
        return in_mmhg(systolic), in_mmhg(diastolic)
    return systolic, diastolic


def blood_pressures(value: Any) -> list[dict[str, Any]] | None:
    """The readings of a cell with one or several, each with ``systolic``, ``diastolic`` and, where it is said, the arm
    (``side``, and ``site`` as a CodeableConcept): '140/90(左)145/92(右)'. One impossible reading holds back all."""
    plain = narrow(value)
    if not_taken(plain):
        return None
    readings, at = [], 0
    for match in READING.finditer(plain):
        if plain[at : match.start()].strip(" ,;、；"):
            raise HeldBack("M11q")
        pressure = blood_pressure(match["figures"])
        side = SIDES.get(match["before"] or match["after"] or "")
        readings.append((pressure or {}) | ({"side": side[0], "site": side[1]} if side else {}))
        at = match.end()
    if not readings or plain[at:].strip(" ,;、；。"):
        raise HeldBack("M11q")
    return readings


def arm(side: str, code: str, text: str) -> tuple[str, dict[str, Any]]:
    return side, {"coding": [{"system": "http://snomed.info/sct", "code": code}], "text": text}


LEFT, RIGHT = arm("left", "368208006", "左上臂"), arm("right", "368209003", "右上臂")
SIDES: Mapping[str, tuple[str, dict[str, Any]]] = {
    name: arm
    for arm, letter in ((LEFT, "左"), (RIGHT, "右"))
    for name in (letter, f"{letter}侧", f"{letter}臂", f"{letter}上肢")
}
"""What an arm is called -> its side, and the body site (SNOMED CT left and right upper arm)."""
READING = re.compile(
    r"(?:(?P<before>[左右](?:侧|臂|上肢)?)\s*:?\s*)?"
    r"(?P<figures>\d+(?:\.\d+)?\s*[/\-~]\s*\d+(?:\.\d+)?\s*(?:mmhg|mm/hg|毫米汞柱|kpa|千帕)?)"
    r"(?:\s*\(?(?P<after>[左右](?:侧|臂|上肢)?)(?:\)|(?!\s*:?\s*\d)))?",
    re.IGNORECASE,
)


def blood_pressure_of(value: Any, diastolic: Any) -> dict[str, Decimal] | None:
    """The same from two cells; a blank beside a figure is held back, two blanks are absent."""
    if value is None and diastolic is None:
        return None
    try:
        return checked(*as_mmhg(Decimal(narrow(value)), Decimal(narrow(diastolic))))
    except InvalidOperation as error:
        raise HeldBack("M11q") from error


FUNCTIONS = (
    Function("blood_pressure", blood_pressure, "systolic and diastolic of one cell (M11, M11k, M11q)"),
    Function("blood_pressures", blood_pressures, "the readings of a cell that names arms: side, site (M11)"),
    Function("blood_pressure_of", blood_pressure_of, "systolic and diastolic of two cells (M11q)", (2, 2), absent=True),
)
