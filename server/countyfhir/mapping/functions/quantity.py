"""Numbers, comparators, laboratory results and units to UCUM (dirt M10, M12, M13)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from countyfhir.mapping.finding import HeldBack, Noted
from countyfhir.mapping.functions.function import Function
from countyfhir.mapping.functions.text import DAMAGED, narrow

UCUM = "http://unitsofmeasure.org"
UNITS: Mapping[str, str] = {
    "mmol/l": "mmol/L", "umol/l": "umol/L", "nmol/l": "nmol/L", "mg/l": "mg/L", "ng/ml": "ng/mL", "ug/l": "ug/L",
    "g/l": "g/L",
    "mg/dl": "mg/dL", "g/dl": "g/dL", "u/l": "U/L", "iu/l": "[IU]/L", "miu/l": "m[IU]/L",
    "pg/ml": "pg/mL",
    "%": "%", "x10^9/l": "10*9/L", "10^9/l": "10*9/L", "*10^9/l": "10*9/L",
    "x10^12/l": "10*12/L",
    "10^12/l": "10*12/L",
    "mmhg": "mm[Hg]", "kpa": "kPa", "kg": "kg", "g": "g", "cm": "cm", "m": "m", "kg/m2": "kg/m2",
    "℃": "Cel", "°c": "Cel",
    "次/分": "/min", "/min": "/min", "bpm": "/min", "s": "s", "ms": "ms", "min": "min", "天": "d", "d": "d", "h": "h",
    "fl": "fL", "pg": "pg", "ml": "mL", "l": "L", "mm/h": "mm/h",
}  # fmt: skip
"""Spellings in lower case after NFKC, µ/μ as u, × as x -> UCUM."""
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
RESULT = re.compile(r"^(?P<comparator><=|>=|<|>|≤|≥)?\s*(?P<number>[-+]?\d+(?:\.\d+)?)\s*(?P<rest>.*)$")
MARKS = re.compile(r"[↑↓*\s]+$|\s*\((?:H|L|偏高|偏低)\)$")
NO_VALUE = re.compile(r"溶血|标本量不足|标本不足|脂血|见报告|未做|标本凝固|污染")
QUALITATIVE = re.compile(r"^(?:弱?阳性|阴性|可疑|未检出|检出|正常|异常)?\s*\(?(?:[-+±]|\+{2,4}|\+-)?\)?$")
COMPARATORS = {"≤": "<=", "≥": ">="}


def ucum(unit: str) -> str | None:
    """The UCUM code of a spelling, or None."""
    spelling = narrow(unit).lower().replace("μ", "u").replace("µ", "u").replace("×", "x").replace(" ", "")
    return UNITS.get(spelling)


def decimal(value: Any) -> Decimal:
    """The number, marks after it removed (M10, M12); anything else is held back."""
    plain = MARKS.sub("", narrow(value))
    if not NUMBER.fullmatch(plain):
        raise HeldBack("unreadable-number")
    return Decimal(plain)


def number(value: Any, low: Any = None, high: Any = None) -> Decimal:
    """A number, held back when it lies outside the plausible range that the mapping declares."""
    found = decimal(value)
    if (low is not None and found < low) or (high is not None and found > high):
        raise HeldBack("implausible-number")
    return found


def quantity(value: Any, unit: str, low: Any = None, high: Any = None) -> dict[str, Any]:
    """A Quantity in the UCUM unit the mapping declares for the column."""
    return {"value": number(value, low, high), "unit": unit, "system": UCUM, "code": unit}


def measured(found: Decimal, unit: str, comparator: str | None) -> dict[str, Any]:
    """A Quantity with its unit as given and as UCUM where the table knows it."""
    made: dict[str, Any] = {"value": found}
    if comparator:
        made["comparator"] = COMPARATORS.get(comparator, comparator)
    if unit:
        made["unit"] = unit.strip()
        if code := ucum(unit):
            made |= {"unit": code, "system": UCUM, "code": code}
    return made


def result(value: Any, unit: Any = None) -> Any:
    """A laboratory result, all forms: ``quantity``, ``coded`` (阴性, +), ``written`` (typing error) or ``absent``
    (the text that says why there is no value). ``unitless``: a number whose unit is not stated anywhere (M13)."""
    plain = narrow(value)
    if DAMAGED.search(plain):
        raise HeldBack("M29")
    if NO_VALUE.search(plain):
        return {"absent": plain}
    if QUALITATIVE.match(plain):
        return {"coded": plain}
    match = RESULT.match(MARKS.sub("", plain))
    if match is None:
        return {"written": plain} if not re.search(r"\d", plain) else Noted({"written": plain}, "M12t")
    rest = MARKS.sub("", match["rest"]).strip()
    if rest and ucum(rest) is None:
        return Noted({"written": plain}, "M12t")
    stated = rest or (str(unit) if unit is not None else "")
    made = {"quantity": measured(Decimal(match["number"]), stated, match["comparator"])}
    if not stated:
        made["unitless"] = True  # type: ignore[assignment]
    return Noted(made, "unmapped-unit", "warning") if stated and ucum(stated) is None else made


def reference_range(value: Any, unit: Any = None) -> dict[str, Any]:
    """``low`` and ``high`` of '3.9-6.1', else only the ``text``."""
    plain = narrow(value)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*[-~]+\s*(\d+(?:\.\d+)?)", plain)
    if match is None:
        return {"text": plain}
    low, high = (measured(Decimal(edge), str(unit or ""), None) for edge in match.groups())
    return {"low": low, "high": high, "text": plain}


AGE_UNITS: Mapping[str, str] = {"岁": "a", "周岁": "a", "月": "mo", "个月": "mo", "天": "d", "日龄": "d"}
AGE = re.compile(r"(?:约)?(?P<number>\d{1,3})\s*(?P<unit>周岁|岁|个月|月|天|日龄)?")
MMHG_OF_KPA = Decimal("7.5")


def age(value: Any) -> dict[str, Any]:
    """An age as a Quantity (a, mo, d): 65岁, 3月, 28天, 5/12 (months), 65 (years); anything else is held back (M08)."""
    plain = narrow(value)
    if months := re.fullmatch(r"(\d{1,2})/12", plain):
        return measured(Decimal(months[1]), "mo", None) | {"system": UCUM, "code": "mo"}
    match = AGE.fullmatch(plain)
    if match is None:
        raise HeldBack("M08")
    unit = AGE_UNITS[match["unit"] or "岁"]
    return {"value": Decimal(match["number"]), "unit": unit, "system": UCUM, "code": unit}


def mmhg_of_kpa(value: Any) -> Decimal:
    """A pressure in kPa as mm[Hg], by the factor 7.5, whole (M11k)."""
    return (decimal(value) * MMHG_OF_KPA).quantize(Decimal(1))


def flag(value: Any, yes: Any, no: Any) -> bool:
    """True or false by what stands for yes and no in this column; inverted columns name them the other way round (M28).
    Anything else is held back."""
    plain = narrow(value)
    if plain not in (str(yes), str(no)):
        raise HeldBack("unmapped-code")
    return plain == str(yes)


def money(value: Any) -> dict[str, Any]:
    """Money in CNY."""
    return {"value": decimal(value), "currency": "CNY"}


FUNCTIONS = (
    Function("number", number, "a number, optionally within a plausible range (M10, M12)", (1, 3)),
    Function("quantity", quantity, "a Quantity in the declared UCUM unit, optionally within a range", (2, 4)),
    Function("result", result, "a laboratory result: quantity, coded, written or absent (M12, M13)", (1, 2)),
    Function("reference_range", reference_range, "low and high of a range such as 3.9-6.1", (1, 2)),
    Function("money", money, "Money in CNY"),
    Function("age", age, "an age as a Quantity in years, months or days (M08)"),
    Function("mmhg_of_kpa", mmhg_of_kpa, "a pressure in kPa as mm[Hg] (M11k)"),
    Function("flag", flag, "true or false by the column's own words for yes and no (M28)", (3, 3)),
)
