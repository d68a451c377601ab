"""Vital signs of every visit and laboratory results of some, with the report that gathers them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from random import Random

from bench.county import calendar
from bench.county.coded import (
    BLOOD_PRESSURE,
    DIASTOLIC,
    HBA1C,
    HEART_RATE,
    HEIGHT,
    LABORATORY,
    LABORATORY_REPORT,
    LOCAL,
    LOINC,
    SYSTOLIC,
    TEMPERATURE,
    TERMINOLOGY,
    UCUM,
    WEIGHT,
    Measure,
    Resource,
    concept,
    to,
)
from bench.county.visit import Visit


def vital_signs(visit: Visit, chance: Random) -> Iterator[Resource]:
    """Blood pressure, heart rate, weight, and height or temperature."""
    shared = _shared(visit, "vital-signs", "Vital Signs")
    panel = shared | {
        "id": f"{visit.name}-o0",
        "code": concept(LOINC, *BLOOD_PRESSURE),
        "component": [
            {"code": concept(LOINC, each.code, each.display), "valueQuantity": quantity(each, chance)}
            for each in (SYSTOLIC, DIASTOLIC)
        ],
    }
    panel["performer"] = [to(visit.physician)]
    yield panel
    other = HEIGHT if chance.random() < 0.2 else TEMPERATURE
    for place, measure in enumerate((HEART_RATE, WEIGHT, other), 1):
        yield _measured(f"{visit.name}-o{place}", shared, measure, chance)


def laboratory(visit: Visit, chance: Random, *, diabetic: bool) -> Iterator[Resource]:
    """Glucose, lipids and creatinine (and HbA1c of diabetics), then the DiagnosticReport with all of them."""
    shared = _shared(visit, "laboratory", "Laboratory")
    panel = (*LABORATORY, HBA1C) if diabetic else LABORATORY
    results = []
    for place, measure in enumerate(panel):
        result = _measured(f"{visit.name}-l{place}", shared, measure, chance)
        results.append(to(f"Observation/{result['id']}"))
        yield result
    yield {
        "resourceType": "DiagnosticReport",
        "id": f"{visit.name}-d",
        "identifier": [{"system": f"{LOCAL}report-number", "value": f"BG-{visit.name}"}],
        "status": "final",
        "category": [concept(f"{TERMINOLOGY}v2-0074", "LAB", "Laboratory")],
        "code": concept(LOINC, *LABORATORY_REPORT),
        "subject": to(visit.patient),
        "encounter": to(f"Encounter/{visit.name}"),
        "effectiveDateTime": calendar.moment(visit.day, 8, visit.minute),
        "issued": calendar.moment(visit.day, 15, visit.minute),
        "performer": [to(f"Organization/{visit.hospital}")],
        "result": results,
        "conclusion": chance.choice(("未见明显异常", "血糖偏高，建议复查", "血脂偏高，建议低脂饮食")),
    }


def quantity(measure: Measure, chance: Random) -> Resource:
    """A value somewhere between the measure's limits, as JSON is read here: a Decimal when it is not whole."""
    drawn = chance.uniform(measure.low, measure.high)
    value = Decimal(f"{drawn:.{measure.digits}f}") if measure.digits else round(drawn)
    return {"value": value, "unit": measure.unit, "system": UCUM, "code": measure.unit}


def _shared(visit: Visit, category: str, display: str) -> Resource:
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [concept(f"{TERMINOLOGY}observation-category", category, display)],
        "subject": to(visit.patient),
        "encounter": to(f"Encounter/{visit.name}"),
        "effectiveDateTime": calendar.moment(visit.day, 8, visit.minute),
    }


def _measured(logical_id: str, shared: Resource, measure: Measure, chance: Random) -> Resource:
    return shared | {
        "id": logical_id,
        "code": concept(LOINC, measure.code, measure.display, measure.text),
        "valueQuantity": quantity(measure, chance),
    }
