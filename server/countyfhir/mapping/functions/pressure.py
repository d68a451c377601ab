"""Blood pressure in one cell or in two (dirt M11, M11k, M11q)."""

from __future__ import annotations

import re
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
    systolic, diastolic = Decimal(match[1]), Decimal(match[2])
    written = (match[3] or "").lower()
    if written in IN_KPA or (not written and "." in match[1] and systolic < SYSTOLIC_KPA):
        systolic, diastolic = in_mmhg(systolic), in_mmhg(diastolic)
    return checked(systolic, diastolic)


def blood_pressure_of(value: Any, diastolic: Any) -> dict[str, Decimal] | None:
    """The same from two cells; a blank beside a figure is held back, two blanks are absent."""
    if value is None and diastolic is None:
        return None
    try:
        return checked(Decimal(narrow(value)), Decimal(narrow(diastolic)))
    except InvalidOperation as error:
        raise HeldBack("M11q") from error


FUNCTIONS = (
    Function("blood_pressure", blood_pressure, "systolic and diastolic of one cell (M11, M11k, M11q)"),
    Function("blood_pressure_of", blood_pressure_of, "systolic and diastolic of two cells (M11q)", (2, 2), absent=True),
)
