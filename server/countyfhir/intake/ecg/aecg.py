"""HL7 v3 annotated ECG (aECG, ANSI/HL7 V3 ECG R1) as a recording."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from lxml import etree

from countyfhir.intake.ecg.measurements import AECG, measurement
from countyfhir.intake.ecg.recording import Damaged, differing, lead, scale
from countyfhir.intake.ecg.xml_tree import attribute, child, parsed, path, text, within

LEAD = "MDC_ECG_LEAD_"
SECONDS = {"s": Decimal(1000), "ms": Decimal(1), "us": Decimal("0.001")}
PATIENT = "componentOf/timepointEvent/componentOf/subjectAssignment/subject/trialSubject"


def read_aecg(raw: bytes, encoding: str | None = None) -> dict[str, Any]:
    """The recording: ``id``, ``root``, ``taken``, ``ended``, ``patient`` (id, root, name, sex, birth), ``device``,
    ``waveforms`` (code, taken, leads), ``measurements``, ``statements``. Damaged for what is no aECG, or whose leads
    lack samples, scale or a common interval."""
    document = parsed(raw, "AnnotatedECG", encoding)
    identifier = child(document, "id")
    made = {
        "id": attribute(identifier, "extension") or attribute(identifier, "root"),
        "root": attribute(identifier, "root"),
        "taken": attribute(path(document, "effectiveTime/low"), "value") or moment(document),
        "ended": attribute(path(document, "effectiveTime/high"), "value"),
        "patient": patient(document),
        "device": text(within(document, "manufacturerModelName")),
        "waveforms": [series(one) for one in within_all(document, "series", "derivedSeries")],
        "measurements": [one for one in map(annotated, within_all(document, "annotation")) if one],
        "statements": [one for one in map(statement, within_all(document, "annotation")) if one],
    }
    return {name: value for name, value in made.items() if value is not None}


def moment(document: etree._Element) -> str | None:
    """The time of an ECG that states a single one."""
    return attribute(path(document, "effectiveTime/center"), "value") or attribute(
        child(document, "effectiveTime"), "value"
    )


def within_all(element: etree._Element, *names: str) -> Iterator[etree._Element]:
    return (one for one in element.iter(tag=etree.Element) if etree.QName(one).localname in names)


def patient(document: etree._Element) -> dict[str, Any]:
    subject = path(document, PATIENT)
    person = child(subject, "subjectDemographicPerson")
    named = child(person, "name")
    made = {
        "id": attribute(child(subject, "id"), "extension"),
        "root": attribute(child(subject, "id"), "root"),
        "name": "".join(map(str, named.itertext())).strip() if named is not None else None,
        "sex": attribute(child(person, "administrativeGenderCode"), "code"),
        "birth": attribute(child(person, "birthTime"), "value"),
    }
    return {name: value for name, value in made.items() if value}


def series(element: etree._Element) -> dict[str, Any]:
    """One series: the rhythm, or the representative beat derived from it."""
    sequences = [one for one in within_all(element, "sequence") if owner(one) is element]
    period = interval(sequences)
    leads = [one_lead(one, period) for one in sequences if not time_axis(one)]
    if not leads or differing(leads):
        raise Damaged("ecg-damaged", "a series has no leads, or one stands twice")
    made = {
        "code": attribute(child(element, "code"), "code"),
        "taken": attribute(path(element, "effectiveTime/low"), "value"),
        "leads": leads,
    }
    return {name: value for name, value in made.items() if value is not None}


def owner(element: etree._Element) -> etree._Element | None:
    """The series that a sequence belongs to: a derived one stands inside the series it is derived from."""
    above = element.iterancestors(tag=etree.Element)
    return next((one for one in above if etree.QName(one).localname in ("series", "derivedSeries")), None)


def time_axis(sequence: etree._Element) -> bool:
    return (attribute(child(sequence, "code"), "code") or "").startswith("TIME_")


def interval(sequences: list[etree._Element]) -> Decimal:
    """Milliseconds between two samples."""
    for one in sequences:
        if time_axis(one):
            increment = path(one, "value/increment")
            unit = SECONDS.get(attribute(increment, "unit") or "")
            if unit is not None:
                return number(attribute(increment, "value")) * unit
    raise Damaged("ecg-damaged", "a series does not say its sampling interval")


def one_lead(sequence: etree._Element, period: Decimal) -> dict[str, Any]:
    code, value = child(sequence, "code"), child(sequence, "value")
    name = attribute(code, "code") or ""
    origin, factor = child(value, "origin"), child(value, "scale")
    digits = (text(child(value, "digits")) or "").split()
    if not all(one.lstrip("+-").replace(".", "", 1).isdigit() for one in digits):
        raise Damaged("ecg-damaged", "a sample of a lead is no number")
    unit = attribute(factor, "unit") or ""
    if (attribute(origin, "unit") or unit) != unit:
        raise Damaged("ecg-damaged", "origin and scale of a lead have different units")
    of = scale(period, number(attribute(factor, "value")), unit, number(attribute(origin, "value") or "0"))
    system = attribute(code, "codeSystem")
    shown = name.removeprefix(LEAD).replace("AVR", "aVR").replace("AVL", "aVL").replace("AVF", "aVF")
    return lead(shown, digits, of, name, f"urn:oid:{system}" if system else None)


def number(written: str | None) -> Decimal:
    try:
        return Decimal(written or "")
    except InvalidOperation as error:
        raise Damaged("ecg-damaged", "a number of the recording cannot be read") from error


def annotated(element: etree._Element) -> Any:
    """A measurement: an annotation with a physical quantity as its value."""
    code, value = child(element, "code"), child(element, "value")
    name = attribute(code, "code")
    if not name or attribute(value, "value") is None:
        return None
    system = attribute(code, "codeSystem")
    unit = attribute(value, "unit")
    return measurement(name, attribute(value, "value"), unit, AECG.get(name), f"urn:oid:{system}" if system else None)


def statement(element: etree._Element) -> str | None:
    """The interpretation in words: an annotation whose value is a text."""
    value = child(element, "value")
    if attribute(value, "value") is not None or child(element, "code") is None:
        return None
    return text(value)
