"""Names and units of the measurements of an ECG: LOINC where its code is certain, UCUM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

LOINC = "http://loinc.org"
UNITS: Mapping[str, str] = {
    "bpm": "/min",
    "/min": "/min",
    "1/min": "/min",
    "ms": "ms",
    "s": "s",
    "deg": "deg",
    "degrees": "deg",
    "uV": "uV",
    "mV": "mV",
    "mm": "mm",
}
"""Unit as written -> UCUM."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A measurement: its LOINC code, its names, its UCUM unit."""

    loinc: str
    display: str
    chinese: str
    unit: str


HEART_RATE = Measure("8867-4", "Heart rate", "心率", "/min")
PR = Measure("8625-6", "P-R Interval", "PR间期", "ms")
QRS = Measure("8633-0", "QRS duration", "QRS时限", "ms")
QT = Measure("8634-8", "Q-T interval", "QT间期", "ms")
QTC = Measure("8636-3", "Q-T interval corrected", "QTc间期", "ms")
P_AXIS = Measure("8626-4", "P wave axis", "P波电轴", "deg")
QRS_AXIS = Measure("8632-2", "QRS axis", "QRS电轴", "deg")
T_AXIS = Measure("8638-9", "T wave axis", "T波电轴", "deg")
AECG: Mapping[str, Measure] = {
    "MDC_ECG_HEART_RATE": HEART_RATE,
    "MDC_ECG_TIME_PD_PR": PR,
    "MDC_ECG_TIME_PD_QRS": QRS,
    "MDC_ECG_TIME_PD_QT": QT,
    "MDC_ECG_TIME_PD_QTc": QTC,
    "MDC_ECG_TIME_PD_QTC": QTC,
    "MDC_ECG_ANGLE_P_FRONT": P_AXIS,
    "MDC_ECG_ANGLE_QRS_FRONT": QRS_AXIS,
    "MDC_ECG_ANGLE_T_FRONT": T_AXIS,
}
"""ISO/IEEE 11073-10102 reference identifiers as aECG writes them."""
MUSE: Mapping[str, Measure] = {
    "VentricularRate": HEART_RATE,
    "PRInterval": PR,
    "QRSDuration": QRS,
    "QTInterval": QT,
    "QTCorrected": QTC,
    "PAxis": P_AXIS,
    "RAxis": QRS_AXIS,
    "TAxis": T_AXIS,
}
"""Elements of RestingECGMeasurements."""


def measurement(name: str, written: Any, unit: str | None, known: Measure | None, system: str | None = None) -> Any:
    """One measurement: ``code`` as given, ``coding`` (LOINC first, where it is known), ``text``, ``quantity``. None
    when it has no number, or a unit that is not the measure's own kind (nothing is converted by guess)."""
    try:
        value = Decimal(str(written).strip())
    except InvalidOperation:
        return None
    ucum = UNITS.get((unit or "").strip()) if unit else (known.unit if known else None)
    if not value.is_finite() or (known and ucum != known.unit and (ucum, known.unit) != ("s", "ms")):
        return None
    coding = [{"system": LOINC, "code": known.loinc, "display": known.display}] if known else []
    given = {key: part for key, part in (("system", system), ("code", name)) if part}
    quantity: dict[str, Any] = {"value": int(value) if value == value.to_integral_value() else value}
    if ucum:
        quantity |= {"unit": unit or ucum, "system": "http://unitsofmeasure.org", "code": ucum}
    elif unit:
        quantity["unit"] = unit
    return {"code": name, "coding": [*coding, given], "text": known.chinese if known else name, "quantity": quantity}
