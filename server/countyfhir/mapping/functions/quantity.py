"""Numbers, comparators, laboratory results and units to UCUM (dirt M10, M12, M13)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from countyfhir.mapping.finding import HeldBack, Noted
from countyfhir.mapping.functions.function import Function
from countyfhir.mapping.functions.text import DAMAGED, narrow, not_taken, read_as_gbk

UCUM = "http://unitsofmeasure.org"
UNITS: Mapping[str, str] = {
    "mmol/l": "mmol/L", "umol/l": "umol/L", "nmol/l": "nmol/L", "mg/l": "mg/L", "ng/ml": "ng/mL", "ug/l": "ug/L",
    "g/l": "g/L",
    "mg/dl": "mg/dL", "g/dl": "g/dL", "u/l": "U/L", "iu/l": "[IU]/L", "miu/l": "m[IU]/L",
    "pg/ml": "pg/mL",
    "%": "%", "10^9/l": "10*9/L", "10*9/l": "10*9/L", "10e9/l": "10*9/L", "10^12/l": "10*12/L", "10*12/l": "10*12/L",
    "10e12/l": "10*12/L", "10^3/ul": "10*3/uL", "k/ul": "10*3/uL", "10^6/ul": "10*6/uL", "meq/l": "meq/L",
    "毫摩尔/升": "mmol/L", "微摩尔/升": "umol/L", "克/升": "g/L", "毫克/升": "mg/L", "毫克/分升": "mg/dL",
    "单位/升": "U/L", "毫米汞柱": "mm[Hg]", "千帕": "kPa", "公斤": "kg", "千克": "kg", "厘米": "cm", "摄氏度": "Cel",
    "umol/ml": "umol/mL", "pmol/l": "pmol/L", "miu/ml": "m[IU]/mL", "uiu/ml": "u[IU]/mL", "iu/ml": "[IU]/mL",
    "ng/l": "ng/L", "ng/dl": "ng/dL", "ug/ml": "ug/mL", "u/ml": "U/mL", "mosm/kg": "mosm/kg", "t/l": "10*12/L",
    "mmhg": "mm[Hg]", "kpa": "kPa", "kg": "kg", "g": "g", "cm": "cm", "m": "m", "kg/m2": "kg/m2",
    "℃": "Cel", "°c": "Cel",
    "次/分": "/min", "/min": "/min", "bpm": "/min", "s": "s", "ms": "ms", "min": "min", "天": "d", "d": "d", "h": "h",
    "fl": "fL", "pg": "pg", "ml": "mL", "l": "L", "mm/h": "mm/h",
}  # fmt: skip
"""Spellings in lower case after NFKC, µ/μ as u, × as x -> UCUM."""
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
RESULT = re.compile(
    r"^(?P<comparator><=|>=|<|>|≤|≥|〈|〉|小于|低于|大于|高于)?\s*(?P<number>[-+]?\d+(?:\.\d+)?)\s*(?P<rest>.*)$"
)
FLAG = r"[↑↓⬆⬇▲▼△▽→*★☆※\s]"
"""What stands beside a number to say that it lies outside its range (M12)."""
MARKS = re.compile(rf"{FLAG}+$|(?<=[\d.\s])(?:HH?|LL?)$|\s*\(?(?:偏?高|偏?低)\)?$|\s*\((?:HH?|LL?)\)$")
LEADING = re.compile(rf"^{FLAG}+")
NO_VALUE = re.compile(
    r"溶血|脂血|乳糜|凝血$|凝固|凝块|污染|不足|量少|未做|未检测|未测|无法|拒收|不合格|无标本|重抽|重采|重送|待复查|取消|退费|"
    r"见.*报告|另报|另见|报告单"
)
QUALITATIVE = re.compile(
    r"^(?:[弱强]?阳性?|阴性?|可疑|未检出|检出|未见|未见异常|正常|异常|neg(?:ative)?|(?:weakly )?pos(?:itive)?|trace)?"
    r"\s*\(?(?:[-+±]|\+{2,4}|\+-|[1-4]\+|\+[1-4])?\)?$",
    re.IGNORECASE,
)
COMPARATORS = {"≤": "<=", "≥": ">=", "〈": "<", "〉": ">", "小于": "<", "低于": "<", "大于": ">", "高于": ">"}
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
POWERS = re.compile("(?<=10)[⁰¹²³⁴⁵⁶⁷⁸⁹]+")


def ucum(unit: str) -> str | None:
    """The UCUM code of a spelling, or None."""
    powers = POWERS.sub(lambda found: "^" + found[0].translate(SUPERSCRIPTS), unit)
    spelling = narrow(powers).lower().replace("μ", "u").replace("µ", "u").replace("×", "x").replace(" ", "")
    return UNITS.get(re.sub(r"^[x*](?=10)", "", spelling))


def decimal(value: Any) -> Decimal:
    """The number, marks after it removed (M10, M12); anything else is held back."""
    plain = unmarked(narrow(value))
    if not NUMBER.fullmatch(plain):
        raise HeldBack("unreadable-number")
    return Decimal(plain)


def unmarked(plain: str) -> str:
    """Without the marks beside the number."""
    return MARKS.sub("", LEADING.sub("", plain)).strip()


def number(value: Any, low: Any = None, high: Any = None) -> Decimal | None:
    """A number, held back when it lies outside the plausible range that the mapping declares; absent where a dash or
    未测 says that there is none."""
    if not_taken(narrow(value)):
        return None
    return within(decimal(value), low, high)


def within(found: Decimal, low: Any, high: Any) -> Decimal:
    if (low is not None and found < low) or (high is not None and found > high):
        raise HeldBack("implausible-number")
    return found


def quantity(value: Any, unit: str, low: Any = None, high: Any = None) -> dict[str, Any] | None:
    """A Quantity in the UCUM unit the mapping declares for the column; the cell may repeat it (M13i), or say that
    nothing was measured."""
    plain = unmarked(narrow(value))
    if not_taken(plain):
        return None
    match = RESULT.match(plain)
    if match is None or match["comparator"] or (match["rest"] and ucum(match["rest"]) != unit):
        raise HeldBack("unreadable-number")
    return {"value": within(Decimal(match["number"]), low, high), "unit": unit, "system": UCUM, "code": unit}


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
    if DAMAGED.search(str(value)) or read_as_gbk(plain):
        raise HeldBack("M29")
    if NO_VALUE.search(plain):
        return {"absent": plain}
    if plain == "-" and unit:  # of a test that is measured: no result (M31); of the others: negative
        return None
    if QUALITATIVE.match(plain):
        return {"coded": plain}
    match = RESULT.match(unmarked(plain))
    if match is None:
        return {"written": plain} if not re.search(r"\d", plain) else Noted({"written": plain}, "M12t")
    rest = unmarked(match["rest"])
    if rest and ucum(rest) is None:
        return Noted({"written": plain}, "M12t")
    stated = rest or (str(unit) if unit is not None else "")
    made = {"quantity": measured(Decimal(match["number"]), stated, match["comparator"])}
    if not stated:
        made["unitless"] = True  # type: ignore[assignment]
    return Noted(made, "unmapped-unit", "warning") if stated and ucum(stated) is None else made


RANGE = re.compile(r"(?P<low>-?\d+(?:\.\d+)?)\s*[-~]+?\s*(?P<high>(?P<dash>-)?\d+(?:\.\d+)?)")


def reference_range(value: Any, unit: Any = None) -> dict[str, Any]:
    """``low`` and ``high`` of '3.9-6.1', else only the ``text``."""
    plain = narrow(value)
    match = RANGE.fullmatch(plain)
    if match is None:
        return {"text": plain}
    edges = Decimal(match["low"]), Decimal(match["high"])
    if edges[1] < edges[0] and match["dash"]:  # 3.9--6.1: the second dash is no sign
        edges = edges[0], -edges[1]
    low, high = (measured(edge, str(unit or ""), None) for edge in edges)
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
