"""Further spellings of the dirt, as other exports have them: converted, kept as text or held back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from countyfhir.mapping.finding import HeldBack, Noted
from countyfhir.mapping.functions import FUNCTIONS


def call(name: str, *values: Any) -> Any:
    """The value, or the code by which the cell is held back."""
    try:
        found = FUNCTIONS[name].call(*values)
    except HeldBack as held:
        return f"held back {held.code}"
    return found.value if isinstance(found, Noted) else found


@pytest.mark.parametrize(
    "written", ["↑12.5", "*12.5", "12.5★", "★ 12.5", "12.5H", "12.5 L", "12.5高", "12.5▲", "12.5(H)"]
)
def test_marks_beside_a_number_are_no_unit(written: str) -> None:
    """M12: 12.5H is no number of hours, 12.5 L no volume."""
    quantity = call("result", written, "mmol/L")["quantity"]
    assert (quantity["value"], quantity["code"]) == (Decimal("12.5"), "mmol/L")


@pytest.mark.parametrize("written", ["小于0.5", "〈0.5", "低于0.5"])
def test_limits_in_words(written: str) -> None:
    """M12c."""
    assert call("result", written, "ng/mL")["quantity"]["comparator"] == "<"


@pytest.mark.parametrize(
    "written", ["血量不足", "标本量少", "标本凝块", "拒收", "无法检测", "待复查", "见纸质报告", "另见报告"]
)
def test_reasons_for_no_value(written: str) -> None:
    """M12h."""
    assert call("result", written) == {"absent": written}


@pytest.mark.parametrize("written", ["1+", "NEG", "弱阳", "weakly positive", "阴性(-)", "+1"])
def test_results_in_words(written: str) -> None:
    """They are coded, and +1 is a grade, no number."""
    assert call("result", written) == {"coded": written}


@pytest.mark.parametrize(
    ("spelling", "code"),
    [
        ("×10⁹/L", "10*9/L"), ("10*9/L", "10*9/L"), ("10E9/L", "10*9/L"), ("毫摩尔/升", "mmol/L"), ("K/uL", "10*3/uL"),
        ("＊10^12/L", "10*12/L"), ("mEq/L", "meq/L"), ("％", "%"),
    ],
)  # fmt: skip
def test_units_in_other_spellings(spelling: str, code: str) -> None:
    """M13u, powers in superscript included."""
    assert call("result", "6.1", spelling)["quantity"]["code"] == code


@pytest.mark.parametrize("written", ["36.5℃", "36.5 °C", "３６．５", "36.5摄氏度"])
def test_the_unit_of_the_column_may_stand_in_the_cell(written: str) -> None:
    """M13i where the mapping declares the unit; another unit is held back."""
    assert call("quantity", written, "Cel", 30, 45)["value"] == Decimal("36.5")
    assert call("quantity", "97.7 kg", "Cel", 30, 45) == "held back unreadable-number"


@pytest.mark.parametrize(
    "written", ["140—90", "140~90", "140、90", "140\\90", "140/90毫米汞柱", "BP:140/90", "血压 140／90", "140/90。"]
)
def test_pressures_in_other_spellings(written: str) -> None:
    """M11."""
    assert call("blood_pressure", written) == {"systolic": 140, "diastolic": 90}


@pytest.mark.parametrize(
    "written", ["鍜冲椊", "寮犱笁", "鍙戠儹3澶?", "ÕÅÈý", "é˜´æ€§", "2????", "??3?", "锟斤拷", "烫烫"]
)
def test_damaged_text_of_all_kinds(written: str) -> None:
    """M29: UTF-8 read as GBK, as Latin-1 or as Windows-1252; GBK read as Latin-1; characters replaced."""
    assert call("text", written) == "held back M29"


@pytest.mark.parametrize(
    "written", ["湮没综合征", "联通", "××××医院", "café", "冠心病？？", "李X", "喆", "㛃", "镕基", "12?", "×3天"]
)
def test_rare_characters_are_not_damage(written: str) -> None:
    """Names with characters outside GB 2312, Western letters, signs and doubt are text."""
    assert call("text", written) == written


@pytest.mark.parametrize(
    ("written", "allergies"),
    [
        ("否认食物过敏，青霉素过敏", ["青霉素"]), ("否认药物过敏史，但磺胺皮试阳性", ["磺胺皮试阳性"]),
        ("无，对碘过敏", ["碘"]),
        ("青霉素过敏(皮试阳性)", ["青霉素"]), ("不详", None), ("否认食物，药物过敏史", []), ("NKDA", []), ("暂无", []),
    ],
)  # fmt: skip
def test_a_denial_hides_no_allergy(written: str, allergies: list[str] | None) -> None:
    """M14: what stands beside a denial is an allergy; a denial alone is one statement; 不详 states nothing."""
    found = call("allergies", written)
    assert (None if found is None else [one["text"] for one in found if not one["none"]]) == allergies


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("1.高血压 2.2型糖尿病？", [("高血压", "confirmed"), ("2型糖尿病", "provisional")]),
        ("①脂肪肝②胆囊炎。", [("脂肪肝", "confirmed"), ("胆囊炎", "confirmed")]),
        ("？肺炎", [("肺炎", "provisional")]),
        ("冠心病（？）", [("冠心病", "provisional")]),
        ("发热待查", [("发热待查", "provisional")]),
        ("2型糖尿病", [("2型糖尿病", "confirmed")]),
        ("1型糖尿病、2.5cm结节", [("1型糖尿病", "confirmed"), ("2.5cm结节", "confirmed")]),
    ],
)
def test_diagnoses_in_lists_and_in_doubt(written: str, found: list[tuple[str, str]]) -> None:
    """M15."""
    assert [(one["text"], one["certainty"]) for one in call("diagnoses", written)] == found


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("E11+H36", "E11+H36"),
        ("E11.300x011+H", "E11.300x011+H"),
        ("I10.x00x", "I10.x00x"),
        ("J06.", "J06"),
        ("QT001", None),
    ],
)
def test_codes_cut_anywhere(written: str, code: str | None) -> None:
    """M16t: what a short column left of a code is kept; M16u: what was never one is not."""
    assert call("icd10", written) == code


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("138 1234 5678", "13812345678"), ("138-1234-5678", "13812345678"), ("008613812345678", "13812345678"),
        ("(0546)6251234", "0546-6251234"), ("0546-6251234-803", "0546-6251234 ext. 803"), ("6251234", "6251234"),
        ("05466251234", "05466251234"),
    ],
)  # fmt: skip
def test_numbers_with_blanks_and_strokes(written: str, number: str) -> None:
    """M18."""
    assert call("phone", written)["value"] == number


def test_identity_numbers_of_spreadsheets_and_forms() -> None:
    """M01: an apostrophe before it; M03: a place with noughts behind it."""
    assert call("identity_number", "'37052319550312141X")["verified"]
    assert call("identity_number", "370523000000000000") == "held back M03"


@pytest.mark.parametrize(
    ("written", "text"),
    [("65", "65"), ("七十岁", "七十岁"), ("65岁左右", "65岁左右"), ("农历三月初二", "农历三月初二"), ("不详", "不详")],
)
def test_what_is_no_birth_date_keeps_its_text(written: str, text: str) -> None:
    """M08, the lunar calendar, not known."""
    assert call("birth_date", written) == {"text": text}


@pytest.mark.parametrize(
    "written", ["2024年3月5日9时3分", "2024 年 3 月 5 日 9:03", "2024年3月5日 9时03分00秒", "2024年3月5号 9点3分"]
)
def test_times_in_characters(written: str) -> None:
    """M07."""
    assert call("date_time", written) == "2024-03-05T09:03:00+08:00"


@pytest.mark.parametrize(
    ("written", "times", "period", "unit"),
    [("每日2次 每次1片", 2, 1, "d"), ("一天三次饭后", 3, 1, "d"), ("q6h", 1, 6, "h"), ("每8小时一次", 1, 8, "h")],
)
def test_how_often_in_other_words(written: str, times: int, period: int, unit: str) -> None:
    """M24."""
    repeat = call("frequency", written)["repeat"]
    assert (repeat["frequency"], repeat["period"], repeat["periodUnit"]) == (times, period, unit)


@pytest.mark.parametrize("written", ["-", "--", "未测", "无"])
def test_a_dash_is_no_measurement(written: str) -> None:
    """M31: absent, without an issue; of a test without a unit it is a negative result."""
    assert [call(name, written) for name in ("blood_pressure", "number")] == [None, None]
    assert call("quantity", written, "kg") is None
    assert call("result", "-", "mmol/L") is None
    assert call("result", "-") == {"coded": "-"}
