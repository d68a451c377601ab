"""Coded entries of DICOM as Codings (DICOM PS3.3 section 8, PS3.16 table 8-1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SYSTEMS: Mapping[str, str] = {
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "LN": "http://loinc.org",
    "MDC": "urn:iso:std:iso:11073:10101",
    "SCT": "http://snomed.info/sct",
    "UCUM": "http://unitsofmeasure.org",
    "I10": "http://hl7.org/fhir/sid/icd-10",
}
"""Coding scheme designator -> system. A code of another scheme keeps its text, without a system."""


def coding_of(item: Any) -> dict[str, str]:
    """system, code and display of a coded entry (a data set, or the tree of one)."""
    code = item.get("CodeValue") or item.get("LongCodeValue") or item.get("URNCodeValue")
    system = SYSTEMS.get(str(item.get("CodingSchemeDesignator", "")))
    parts = {"system": system, "code": code, "display": item.get("CodeMeaning")}
    return {name: str(part) for name, part in parts.items() if part}
