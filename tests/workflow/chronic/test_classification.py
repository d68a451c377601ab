"""The class of a follow-up at every edge of the rules (DOMAIN 3.7), from Observations as intake and forms make them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from countyfhir import shipped
from countyfhir.workflow.chronic.classification import classify
from countyfhir.workflow.chronic.conditions import reading
from countyfhir.workflow.chronic.facts import age_on, converted, facts_of, signs_written
from countyfhir.workflow.tables import FolderTables

RULES = FolderTables(shipped.folders("profiles")).table("chronic-classification")
UCUM = "http://unitsofmeasure.org"
DAY = "2026-11-22"


def quantity(value: str, unit: str) -> dict[str, Any]:
    """A Quantity of UCUM."""
    return {"value": Decimal(value), "unit": unit, "system": UCUM, "code": unit}


def loinc(code: str) -> dict[str, Any]:
    """A concept of LOINC."""
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


def measured(code: str, value: str, unit: str) -> dict[str, Any]:
    """An Observation of one quantity."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": loinc(code),
        "valueQuantity": quantity(value, unit),
    }


def pressure(told: str) -> dict[str, Any]:
    """An Observation of a blood pressure, "139/89"."""
    upper, _, lower = told.partition("/")
    parts = [
        {"code": loinc("8480-6"), "valueQuantity": quantity(upper, "mm[Hg]")},
        {"code": loinc("8462-4"), "valueQuantity": quantity(lower, "mm[Hg]")},
    ]
    return {"resourceType": "Observation", "status": "final", "code": loinc("85354-9"), "component": parts}


def item(name: str, system: str, code: str) -> dict[str, Any]:
    """A coded item of a form."""
    told = {"coding": [{"system": "https://fhir.county-hc.example/cs/follow-up-item", "code": name}]}
    value = {"coding": [{"system": f"https://fhir.county-hc.example/cs/{system}", "code": code}]}
    return {"resourceType": "Observation", "status": "final", "code": told, "valueCodeableConcept": value}


def class_of(disease: str, *observations: dict[str, Any], age: int = 60, **facts: Any) -> str:
    """The class that some Observations give."""
    told = facts_of(observations, RULES) | {"age": reading(age)} | facts
    found = classify(disease, told, RULES, DAY)
    assert found is not None
    return found.code


@pytest.mark.parametrize(
    ("told", "age", "expected"),
    [
        ("139/89", 60, "satisfied"),
        ("140/89", 60, "unsatisfied"),
        ("139/90", 60, "unsatisfied"),
        ("140/90", 60, "unsatisfied"),
        ("149/89", 64, "unsatisfied"),
        ("149/89", 65, "satisfied"),
        ("150/89", 65, "unsatisfied"),
        ("149/90", 80, "unsatisfied"),
        ("179/109", 60, "unsatisfied"),
        ("180/80", 60, "emergency"),
        ("120/110", 60, "emergency"),
        ("180/109", 70, "emergency"),
    ],
)
def test_edges_of_pressure(told: str, age: int, expected: str) -> None:
    """Below 140/90, below 150/90 from 65 years, an emergency from 180 or 110."""
    assert class_of("hypertension", pressure(told), age=age) == expected


@pytest.mark.parametrize(
    ("code", "value", "unit", "expected"),
    [
        ("14771-0", "6.9", "mmol/L", "satisfied"),
        ("14771-0", "7.0", "mmol/L", "unsatisfied"),
        ("14771-0", "16.6", "mmol/L", "unsatisfied"),
        ("14771-0", "16.7", "mmol/L", "emergency"),
        ("14771-0", "4.0", "mmol/L", "satisfied"),
        ("14771-0", "3.9", "mmol/L", "emergency"),
        ("1558-6", "126", "mg/dL", "satisfied"),  # 6.994 mmol/L
        ("1558-6", "127", "mg/dL", "unsatisfied"),
        ("1558-6", "301", "mg/dL", "emergency"),  # 16.708 mmol/L
        ("1558-6", "0.7", "g/L", "emergency"),  # 3.886 mmol/L
        ("14749-6", "16.7", "mmol/L", "emergency"),
        ("14749-6", "9.4", "mmol/L", "unknown"),  # not fasting: nothing says that it is under control
    ],
)
def test_edges_of_glucose(code: str, value: str, unit: str, expected: str) -> None:
    """Fasting below 7.0 mmol/L; an emergency from 16.7 and down from 3.9; mass concentrations are converted."""
    assert class_of("type-2-diabetes", measured(code, value, unit)) == expected


def test_a_meter_says_by_its_extension_that_it_was_fasting() -> None:
    """Glucose of a meter (14749-6) with glucose-timing fasting counts as fasting glucose."""
    timing = {
        "url": "https://fhir.county-hc.example/StructureDefinition/glucose-timing",
        "valueCoding": {"system": "https://fhir.county-hc.example/cs/glucose-timing", "code": "fasting"},
    }
    assert class_of("type-2-diabetes", {**measured("14749-6", "6.5", "mmol/L"), "extension": [timing]}) == "satisfied"


@pytest.mark.parametrize(
    ("further", "expected"),
    [
        (measured("8867-4", "100", "/min"), "satisfied"),
        (measured("8867-4", "101", "/min"), "emergency"),
        (measured("8310-5", "39", "Cel"), "satisfied"),
        (measured("8310-5", "39.1", "Cel"), "emergency"),
        (pressure("180/90"), "emergency"),
        (item("adverse-reaction", "form-adverse-reaction", "1"), "satisfied"),
        (item("adverse-reaction", "form-adverse-reaction", "2"), "adverse-reaction"),
        (item("hypoglycaemia", "form-hypoglycaemia", "2"), "satisfied"),
        (item("hypoglycaemia", "form-hypoglycaemia", "3"), "adverse-reaction"),
        (item("emergency-sign", "emergency-sign", "ketotic-breath"), "emergency"),
        (item("symptom", "diabetes-form-symptom", "2"), "satisfied"),
    ],
)
def test_what_else_counts_in_diabetes(further: dict[str, Any], expected: str) -> None:
    """With a fasting glucose of 6.5 mmol/L."""
    assert class_of("type-2-diabetes", measured("14771-0", "6.5", "mmol/L"), further) == expected


def test_what_is_worse_counts() -> None:
    """An emergency before a complication, that before an adverse reaction, that before the target."""
    ill = item("adverse-reaction", "form-adverse-reaction", "2")
    assert class_of("hypertension", pressure("182/90"), ill, **{"new-complication": True}) == "emergency"
    assert class_of("hypertension", pressure("150/95"), ill, **{"new-complication": True}) == "complication"
    assert class_of("hypertension", pressure("150/95"), ill) == "adverse-reaction"
    assert (
        class_of("hypertension", pressure("130/80"), item("symptom", "hypertension-form-symptom", "6")) == "emergency"
    )
    assert class_of("hypertension", pressure("130/80"), pressure("150/80")) == "unsatisfied"  # of two arms the higher
    assert class_of("hypertension", item("adherence", "medication-adherence", "1")) == "unknown"
    wrong = {**pressure("182/112"), "status": "entered-in-error"}
    assert class_of("hypertension", wrong, pressure("130/80")) == "satisfied"


@pytest.mark.parametrize(
    ("ldl", "diseases", "complications", "expected"),
    [
        ("3.3", {"dyslipidaemia"}, set(), "satisfied"),
        ("3.4", {"dyslipidaemia"}, set(), "unsatisfied"),
        ("2.5", {"dyslipidaemia", "hypertension"}, set(), "satisfied"),
        ("2.6", {"dyslipidaemia", "type-2-diabetes"}, set(), "unsatisfied"),
        ("1.7", {"dyslipidaemia"}, {"stroke"}, "satisfied"),
        ("1.8", {"dyslipidaemia"}, {"stroke"}, "unsatisfied"),
    ],
)
def test_lipids_have_targets_by_what_else_there_is(
    ldl: str, diseases: set[str], complications: set[str], expected: str
) -> None:
    """The county's own table."""
    more = {
        "diseases": frozenset(diseases),
        "complications": frozenset(complications),
        "vascular": bool(complications),
        "only-lipids": diseases == {"dyslipidaemia"},
    }
    assert class_of("dyslipidaemia", measured("22748-8", ldl, "mmol/L"), **more) == expected
    fat = measured("14927-8", "11.3", "mmol/L")
    assert class_of("dyslipidaemia", measured("22748-8", ldl, "mmol/L"), fat, **more) == "emergency"


def test_a_visit_is_classified_by_the_edition_of_its_day() -> None:
    """A later edition with other thresholds leaves earlier visits as they were."""
    first = RULES["editions"][0]
    rules = {name: spec for name, spec in first["diseases"]["hypertension"].items() if name != "satisfied"}
    stricter = {"id": "s", "text": "a | b", "when": {"fact": "systolic", "below": 130}}
    later = {
        **first,
        "version": "x",
        "from": "2027-01-01",
        "diseases": {"hypertension": {**rules, "satisfied": [stricter]}},
    }
    table = {**RULES, "editions": [later, first]}
    facts = facts_of([pressure("135/80")], RULES)
    told = [classify("hypertension", facts, table, day) for day in ("2026-12-31", "2027-01-01")]
    assert [(one.code, one.version) for one in told if one] == [("satisfied", first["version"]), ("unsatisfied", "x")]


def test_words_that_deny_a_sign_say_nothing() -> None:
    """剧烈头痛 is a sign; 无剧烈头痛 is none; a later clause stands for itself."""
    assert set(signs_written("今晨剧烈头痛", RULES)) == {"severe-headache-dizziness"}
    assert set(signs_written("无剧烈头痛，否认胸闷", RULES)) == set()
    assert set(signs_written("无头晕，夜间不能平卧", RULES)) == {"orthopnoea"}


def test_units_and_ages() -> None:
    """kPa is pressure; mmol/L is not made of mg/dL without a molar mass; nobody is 65 the day before the birthday."""
    assert converted(quantity("24", "kPa"), "mm[Hg]") == Decimal("180.0153")
    assert converted(quantity("126", "mg/dL"), "mmol/L") is None
    assert converted({"value": Decimal(120), "unit": "mmHg"}, "mm[Hg]") == 120
    assert [age_on("1961-11-23", DAY), age_on("1961-11-22", DAY), age_on("1961", DAY)] == [64, 65, 65]
    assert age_on(None, DAY) is None


def test_the_tables_of_an_operator_are_checked(tmp_path: Path) -> None:
    """A mistyped condition is found when the table is first read."""
    folder = shipped.folder("profiles")
    text = (folder / "rules/chronic-classification.yaml").read_text("utf-8")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/chronic-classification.yaml").write_text(text.replace("at-least: 65", "atleast: 65"), "utf-8")
    with pytest.raises(Exception, match="chronic-classification"):
        FolderTables((folder, tmp_path)).table("chronic-classification")
