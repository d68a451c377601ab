"""Every function of the mapping language, on the dirt it is there for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from countyfhir.mapping.finding import MEANINGS, HeldBack, Noted
from countyfhir.mapping.functions import FUNCTIONS
from countyfhir.mapping.functions import quantity as quantities


def call(name: str, *values: Any) -> Any:
    """The function's value; ``(value, code)`` when it is noted, ``code`` of the dirt when it is held back."""
    try:
        found = FUNCTIONS[name].call(*values)
    except HeldBack as held:
        return f"held back {held.code}"
    return (found.value, found.code) if isinstance(found, Noted) else found


VERIFIED = {"value": "37052319550312141X", "verified": True, "birth": "1955-03-12", "gender": "male"}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("37052319550312141X", VERIFIED),
        ("３７０５２３１９５５０３１２１４１x", VERIFIED),
        (" 370523 19550312 141x\t", VERIFIED),
        ("370523550312141", VERIFIED),
        ("000000000000000000", "held back M03"),
        ("111111111111111111", "held back M03"),
        ("123456789012345678", "held back M03"),
        ("37052319000101000X", "held back M03"),
        ("身份证丢失", "held back M03"),
        ("无", "held back M03"),
        ("3.70523E+17", "held back M30"),
        ("370523195503121411", ({"value": "370523195503121411", "verified": False}, "M04")),
        ("370523195513121413", ({"value": "370523195513121413", "verified": False}, "M04")),
        ("370523550312997", ({"value": "370523550312997", "verified": False}, "M04")),
    ],
)
def test_identity_numbers_are_normalised_checked_or_held_back(written: str, expected: Any) -> None:
    """M01-M04 and M30; 996-999 in an old number meant people older than a hundred and is not converted."""
    assert call("identity_number", written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("张 三", "张三"),
        ("张\u3000三  ", "张三"),
        ("阿不都.热西提", "阿不都·热西提"),
        ("古丽・买买提", "古丽·买买提"),
        ("古丽 · 买买提", "古丽·买买提"),
        ("John  Smith", "John Smith"),
        ("锟斤拷", "held back M29"),
        ("???", "held back M29"),
    ],
)
def test_names_lose_their_blanks_and_keep_their_dot(written: str, expected: str) -> None:
    """M09; damaged names are held back."""
    assert call("name", written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2024-03-05", "2024-03-05"),
        ("2024/3/5", "2024-03-05"),
        ("2024.3.5", "2024-03-05"),
        ("2024年3月5日", "2024-03-05"),
        ("２０２４年３月５日", "2024-03-05"),
        ("20240305", "2024-03-05"),
        ("2024-03", "2024-03"),
        ("2024年3月", "2024-03"),
        ("2024", "2024"),
        ("1900-01-01", (None, "M07s")),
        ("2023-02-30", "held back M07"),
        ("05/01/23", "held back M07"),
        ("农历三月初二", "held back M07"),
    ],
)
def test_dates_keep_the_precision_they_have(written: str, expected: Any) -> None:
    """M07, M07m, M07s; an ambiguous order of day and month is never guessed."""
    assert call("date", written) == expected


def test_other_date_formats_must_be_declared() -> None:
    """A source with day-first dates says so in its mapping."""
    assert call("date", "05/01/2023", "d/M/yyyy") == "2023-01-05"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2023-01-05 08:03:01", "2023-01-05T08:03:01+08:00"),
        ("2023.1.5 8:03", "2023-01-05T08:03:00+08:00"),
        ("2023年1月5日 8:03", "2023-01-05T08:03:00+08:00"),
        ("2023-01-05T08:03:01", "2023-01-05T08:03:01+08:00"),
        ("2023-01-05", "2023-01-05"),
        ("2023-01-05 25:00:00", "held back M07"),
    ],
)
def test_times_are_in_the_zone_of_the_source(written: str, expected: str) -> None:
    """A clock without seconds counts as second 0; no clock, no time."""
    assert call("date_time", written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1955年3月12日", {"date": "1955-03-12"}),
        ("65岁", ({"text": "65岁"}, "M08")),
        ("3月", ({"text": "3月"}, "M08")),
        ("28天", ({"text": "28天"}, "M08")),
        ("5/12", ({"text": "5/12"}, "M08")),
        ("1900-01-01", ({"text": "1900-01-01"}, "M07s")),
    ],
)
def test_an_age_is_not_a_birth_date(written: str, expected: Any) -> None:
    """M08 and M07s keep their text and state no date."""
    assert call("birth_date", written) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("1955-03-12", "1955-03-12", False), ("1955-03", "1955-03-12", False), ("1955-04", "1955-03-12", True)],
)
def test_a_partial_date_contradicts_only_what_it_says(one: str, other: str, expected: bool) -> None:
    """M05 compares at the shared precision."""
    assert call("contradicts", one, other) is expected


MMHG = {"systolic": Decimal(140), "diastolic": Decimal(90)}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("140/90", MMHG),
        ("140／90mmHg", MMHG),
        (" 140 / 90 ", MMHG),
        ("140-90", MMHG),
        ("１４０/９０", MMHG),
        ("18.7/12.0kPa", MMHG),
        ("18.7/12.0", MMHG),
        ("90/140", "held back M11q"),
        ("1400/90", "held back M11q"),
        ("126", "held back M11q"),
    ],
)
def test_blood_pressures_in_one_cell(written: str, expected: Any) -> None:
    """M11, M11k (18.7 kPa × 7.5 = 140.25), M11q."""
    assert call("blood_pressure", written) == expected


def test_blood_pressures_in_two_cells() -> None:
    """One figure alone is held back, two blanks are absent."""
    assert call("blood_pressure_of", "140", "90") == MMHG
    assert call("blood_pressure_of", "90", "140") == "held back M11q"
    assert call("blood_pressure_of", "140", None) == "held back M11q"
    assert call("blood_pressure_of", None, None) is None


def quantity(value: str, unit: str, **more: Any) -> dict[str, Any]:
    return {"value": Decimal(value), **more, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


@pytest.mark.parametrize(
    ("written", "unit", "expected"),
    [
        ("5.60", "mmol/L", {"quantity": quantity("5.60", "mmol/L")}),
        ("５．６", "mmol/l", {"quantity": quantity("5.6", "mmol/L")}),
        ("12.5↑", "g/l", {"quantity": quantity("12.5", "g/L")}),
        ("4.0 *", "μmol/L", {"quantity": quantity("4.0", "umol/L")}),
        ("<0.5", "mg/l", {"quantity": quantity("0.5", "mg/L", comparator="<")}),
        ("6.1mmol/L", None, {"quantity": quantity("6.1", "mmol/L")}),
        ("7.3", "×10^9/L", {"quantity": quantity("7.3", "10*9/L")}),
        ("103", None, {"quantity": {"value": Decimal(103)}, "unitless": True}),
        ("阴性(-)", None, {"coded": "阴性(-)"}),
        ("±", None, {"coded": "±"}),
        ("+++", None, {"coded": "+++"}),
        ("溶血", "mmol/L", {"absent": "溶血"}),
        ("标本量不足", "mmol/L", {"absent": "标本量不足"}),
        ("5..1", "mmol/L", ({"written": "5..1"}, "M12t")),
        ("12?", "mmol/L", ({"written": "12?"}, "M12t")),
        ("5.1", "格令", ({"quantity": {"value": Decimal("5.1"), "unit": "格令"}}, "unmapped-unit")),
    ],
)
def test_laboratory_results(written: str, unit: str | None, expected: Any) -> None:
    """M10, M12, M12c, M12h, M12t, M13, M13i, M13u: digits stay, units become UCUM, nothing is guessed."""
    assert call("result", written, unit) == expected


def test_numbers_outside_the_plausible_range_are_held_back() -> None:
    """The mapping declares the range of its column."""
    assert call("quantity", "61.5", "kg", 1, 300) == quantity("61.5", "kg")
    assert call("quantity", "6150", "kg", 1, 300) == "held back implausible-number"
    assert call("number", "约60") == "held back unreadable-number"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("13812345678", {"system": "phone", "value": "13812345678", "use": "mobile"}),
        ("13812345678(儿子)", {"system": "phone", "value": "13812345678", "use": "mobile"}),
        ("13812345678/0546-6452654转268", {"system": "phone", "value": "13812345678", "use": "mobile"}),
        ("0546-6251234转803", {"system": "phone", "value": "0546-6251234 ext. 803"}),
        ("无", None),
    ],
)
def test_telephone_numbers_among_remarks(written: str, expected: Any) -> None:
    """M18."""
    assert call("phone", written) == expected


def test_diagnoses_are_split_and_doubt_is_kept() -> None:
    """M15, M29."""
    assert call("diagnoses", "高血压2级(很高危)、2型糖尿病？，冠心病??") == [
        {"text": "高血压2级(很高危)", "certainty": "confirmed"},
        {"text": "2型糖尿病", "certainty": "provisional"},
        {"text": "冠心病", "certainty": "provisional"},
    ]
    assert call("diagnoses", "????") == "held back M29"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("i10.X00X002", "I10.x00x002"),
        (" Ｋ29.500 ", "K29.500"),
        ("E11.300x011+H36.0*", "E11.300x011+H36.0*"),
        ("J06", "J06"),
        ("0", (None, "M16u")),
        ("QT001", (None, "M16u")),
        ("无", None),
    ],
)
def test_icd10_codes(written: str, expected: Any) -> None:
    """M16, M16t, M16u."""
    assert call("icd10", written) == expected


def test_allergies_and_their_negation() -> None:
    """M14: a negation is a statement, not an absence."""
    assert call("allergies", "青霉素过敏、磺胺") == [{"none": False, "text": "青霉素"}, {"none": False, "text": "磺胺"}]
    assert call("allergies", "否认药物过敏史") == [{"none": True, "text": "否认药物过敏史"}]


def test_drug_lines_and_frequencies() -> None:
    """M24: the text stays, a known frequency becomes a Timing."""
    first, second = call("drug_lines", "缬沙坦胶囊 1粒 qd；甘草片 遵医嘱")
    assert (first["name"], first["dose"], first["unit"]) == ("缬沙坦胶囊", Decimal(1), "粒")
    assert first["timing"]["repeat"] == {"frequency": 1, "period": 1, "periodUnit": "d"}
    assert second == {"name": "甘草片 遵医嘱", "text": "甘草片 遵医嘱"}
    assert "repeat" not in call("frequency", "遵医嘱")


def test_every_code_a_function_can_report_has_a_meaning() -> None:
    """A report explains each code in one sentence."""
    assert {"M03", "M04", "M07", "M11q", "M12t", "M29", "implausible-number", "unreadable-number"} <= set(MEANINGS)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [("65岁", 65, "a"), ("３月", 3, "mo"), ("28天", 28, "d"), ("5/12", 5, "mo"), ("约70岁", 70, "a"), ("8", 8, "a")],
)
def test_ages_are_quantities(text: str, value: int, unit: str) -> None:
    """M08: years, months and days; never a birth date."""
    made = quantities.age(text)
    assert (made["value"], made["code"]) == (value, unit)
    with pytest.raises(HeldBack):
        quantities.age("老年")


def test_kilopascals_and_inverted_flags() -> None:
    """M11k by the factor 7.5; M28 by the words of the column, both ways round."""
    assert quantities.mmhg_of_kpa("18.7") == Decimal(140)
    assert (quantities.flag("1", "1", "2"), quantities.flag("1", "2", "1")) == (True, False)
    assert quantities.flag("是", "是", "否") is True
    with pytest.raises(HeldBack):
        quantities.flag("3", "1", "2")


def test_a_character_that_an_export_lost_damages_the_name() -> None:
    """A question mark beside Chinese characters is a rare one that the system could not write; it is never indexed."""
    for cell in ("吴?十", "?十", "吴 ?"):
        with pytest.raises(HeldBack, match="M29"):
            FUNCTIONS["name"].call(cell)
    assert FUNCTIONS["name"].call("吴㙍十") == "吴㙍十"


def test_names_and_codes_of_a_document_are_paired_as_it_writes_them() -> None:
    """Name or code first, one of them missing, two blocks; a code alone is called by its display."""
    pair = FUNCTIONS["stated_diagnoses"].call

    def said(*kinds: str) -> list[tuple[str, str | None]]:
        stated = [
            {
                "code": [{"code": "DE05.01.025.00" if kind[0] == "N" else "DE05.01.024.00"}],
                "value": [{"xmlText": kind}] if kind[0] == "N" else [{"code": kind, "displayName": f"名{kind}"}],
                "inSection": 1,
            }
            for kind in kinds
        ]
        return [(one["text"], one.get("code")) for one in pair(stated)]

    assert said("N1", "C1", "N2", "C2") == said("C1", "N1", "C2", "N2") == [("N1", "C1"), ("N2", "C2")]
    assert said("N1", "N2", "C1", "C2") == [("N1", "C1"), ("N2", "C2")]
    assert said("N1", "N2", "C2") == [("N1", None), ("N2", "C2")]
    assert said("C1", "C2", "N2") == [("名C1", "C1"), ("N2", "C2")]
    assert pair([]) is None


def test_arms_of_a_blood_pressure_are_told_apart() -> None:
    """Each reading with its arm; one impossible reading, or words that are no arm, hold the cell back."""
    readings = FUNCTIONS["blood_pressures"].call

    def arms(cell: str) -> list[tuple[Any, ...]]:
        return [(one["systolic"], one["diastolic"], one.get("side")) for one in readings(cell)]

    both = [(140, 90, "left"), (145, 92, "right")]
    for cell in (
        "140/90(左)145/92(右)",
        "左140/90 右145/92mmHg",
        "140/90（左侧）、145/92（右侧）",
        "左:140/90;右:145/92",
    ):
        assert arms(cell) == both, cell
    assert arms("18.7/12.0kPa(左)") == [(140, 90, "left")]
    assert arms("140/90") == [(140, 90, None)]
    assert readings("未测") is None
    assert readings("145/92右")[0]["site"]["coding"][0]["code"] == "368209003"
    for cell in ("140/90(左)92/145(右)", "140/90(坐位)", "左 右"):
        with pytest.raises(HeldBack, match="M11q"):
            readings(cell)


def test_pressures_in_kpa_are_known_in_two_cells_as_in_one() -> None:
    """Figures with a point below 40 are kPa; whole ones are a typing error."""
    assert FUNCTIONS["blood_pressure_of"].call("18.7", "12") == {"systolic": 140, "diastolic": 90}
    with pytest.raises(HeldBack, match="M11q"):
        FUNCTIONS["blood_pressure_of"].call("12", "8")


def test_the_numbers_of_a_spreadsheet_are_dates_where_the_mapping_says_so() -> None:
    """Days since 1899-12-30, a fraction is the clock; beside the usual spellings; never guessed without the word."""
    assert FUNCTIONS["date"].call("45748", "serial") == "2025-04-01"
    assert FUNCTIONS["date"].call("2025/4/1", "serial") == "2025-04-01"
    assert FUNCTIONS["date_time"].call("45748.395833333336", "serial") == "2025-04-01T09:30:00+08:00"
    assert FUNCTIONS["birth_date"].call("14644", "serial") == {"date": "1940-02-03"}
    for value, formats in (
        ("45748", ()),
        ("0", ("serial",)),
        ("9999999", ("serial",)),
        ("2025/4/1", ("serial", "dd.MM.yyyy")),
    ):
        with pytest.raises(HeldBack, match="M07"):
            FUNCTIONS["date"].call(value, *formats)
