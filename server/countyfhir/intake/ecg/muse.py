"""MUSE XML of GE (RestingECG) as a recording: waveforms in base64, measurements, statements."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from lxml import etree

from countyfhir.intake.ecg.measurements import MUSE, measurement
from countyfhir.intake.ecg.recording import Damaged, differing, lead, scale
from countyfhir.intake.ecg.xml_tree import child, children, parsed, path, text

DAY = re.compile(r"(\d{2})-(\d{2})-(\d{4})$")
DERIVED: Mapping[str, tuple[int, int]] = {"III": (-2, 2), "aVR": (-1, -1), "aVL": (2, -1), "aVF": (-1, 2)}
"""Limb leads that the machine leaves out, as halves of I and of II (Einthoven, Goldberger)."""


def read_muse(raw: bytes, encoding: str | None = None) -> dict[str, Any]:
    """The recording: ``patient`` (id, name, sex, birth), ``taken``, ``order``, ``device``, ``location``, ``waveforms``
    (type, leads; those computed from I and II have ``derived``), ``measurements``, ``statements``. Damaged for what is
    no RestingECG or whose samples are not all there."""
    document = parsed(raw, "RestingECG", encoding)
    test, order = child(document, "TestDemographics"), child(document, "Order")
    made = {
        "patient": patient(child(document, "PatientDemographics")),
        "taken": taken(text(child(test, "AcquisitionDate")), text(child(test, "AcquisitionTime"))),
        "order": text(child(order, "RequisitionNumber")) or text(child(order, "HISOrderNumber")),
        "device": text(child(test, "AcquisitionDevice")),
        "location": text(child(test, "LocationName")),
        "waveforms": [waveform(one) for one in children(document, "Waveform")],
        "measurements": measurements(child(document, "RestingECGMeasurements")),
        "statements": statements(child(document, "Diagnosis")),
    }
    return {name: value for name, value in made.items() if value is not None}


def patient(element: etree._Element | None) -> dict[str, Any]:
    last, first = text(child(element, "PatientLastName")), text(child(element, "PatientFirstName"))
    joint = "" if last and not last.isascii() else " "
    made = {
        "id": text(child(element, "PatientID")),
        "name": joint.join(part for part in (last, first) if part) or None,
        "sex": text(child(element, "Gender")),
        "birth": day(text(child(element, "DateofBirth"))),
    }
    return {name: value for name, value in made.items() if value}


def day(written: str | None) -> str | None:
    """MM-DD-YYYY, as the machine writes it, in the order of years, months, days."""
    found = DAY.match(written or "")
    return f"{found[3]}-{found[1]}-{found[2]}" if found else written


def taken(date: str | None, clock: str | None) -> str | None:
    shown = day(date)
    return f"{shown} {clock}" if shown and clock else shown


def waveform(element: etree._Element) -> dict[str, Any]:
    """One waveform (Rhythm, Median) with the limb leads that follow from I and II."""
    try:
        base = Decimal(text(child(element, "SampleBase")) or "")
        exponent = int(text(child(element, "SampleExponent")) or 0)
    except (InvalidOperation, ValueError) as error:
        raise Damaged("ecg-damaged", "a waveform does not say its sampling rate") from error
    if base <= 0 or abs(exponent) > 9:
        raise Damaged("ecg-damaged", "a waveform does not say its sampling rate")
    period = Decimal(1000) / (base * Decimal(10) ** exponent)
    found = {text(child(one, "LeadID")) or "": samples(one) for one in children(element, "LeadData")}
    scales = {text(child(one, "LeadID")) or "": scaled(one, period) for one in children(element, "LeadData")}
    leads = [lead(name, values, scales[name]) for name, values in found.items()]
    if not leads or len(leads) < len(children(element, "LeadData")) or differing(leads):
        raise Damaged("ecg-damaged", "a waveform has no leads, or one stands twice")
    made = {"type": text(child(element, "WaveformType")), "leads": leads + computed(found, scales)}
    return {name: value for name, value in made.items() if value is not None}


def samples(element: etree._Element) -> tuple[int, ...]:
    """16 bits a sample, the low byte first."""
    try:
        raw = base64.b64decode("".join((text(child(element, "WaveFormData")) or "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Damaged("ecg-damaged", "the samples of a lead are not base64") from error
    count = text(child(element, "LeadSampleCountTotal"))
    if len(raw) % 2 or (count is not None and count.isdigit() and int(count) * 2 != len(raw)):
        raise Damaged("ecg-damaged", "a lead has not as many samples as it says")
    return struct.unpack(f"<{len(raw) // 2}h", raw)


def scaled(element: etree._Element, period: Decimal) -> Any:
    try:
        factor = Decimal(text(child(element, "LeadAmplitudeUnitsPerBit")) or "")
    except InvalidOperation as error:
        raise Damaged("ecg-damaged", "a lead does not say its amplitude") from error
    return scale(period, factor, text(child(element, "LeadAmplitudeUnits")) or "")


def computed(found: Mapping[str, tuple[int, ...]], scales: Mapping[str, Any]) -> list[dict[str, Any]]:
    first, second = found.get("I"), found.get("II")
    if not first or not second or len(first) != len(second) or scales["I"] != scales["II"]:
        return []
    made = []
    for name, (of_first, of_second) in DERIVED.items():
        if name not in found:
            halves = (of_first * one + of_second * two for one, two in zip(first, second, strict=True))
            shown = (half // 2 if half % 2 == 0 else f"{half / 2}" for half in halves)
            made.append(lead(name, shown, scales["I"]) | {"derived": True})
    return made


def measurements(element: etree._Element | None) -> list[dict[str, Any]]:
    """Those whose meaning and unit are certain."""
    found = [measurement(name, text(child(element, name)), None, known) for name, known in MUSE.items()]
    return [one for one in found if one]


def statements(element: etree._Element | None) -> list[str]:
    """The lines of the interpretation; a line goes on until its flag ENDSLINE."""
    lines, line = list[str](), ""
    for one in children(element, "DiagnosisStatement"):
        line = f"{line} {text(path(one, 'StmtText')) or ''}".strip()
        if any(text(flag) == "ENDSLINE" for flag in children(one, "StmtFlag")):
            lines.append(line)
            line = ""
    return [one for one in (*lines, line) if one]
