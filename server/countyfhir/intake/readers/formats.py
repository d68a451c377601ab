"""The table of readers by the format a mapping file declares."""

from __future__ import annotations

from collections.abc import Mapping

from countyfhir.intake.readers import (
    cda_file,
    dbase,
    delimited,
    dicom_file,
    document_file,
    fhir_file,
    fixed_width,
    hl7_file,
    json_file,
    json_lines,
    workbook,
    xml_file,
)
from countyfhir.intake.reading import Reader

READERS: Mapping[str, Reader] = {
    "aecg": document_file.AECG,
    "cda": Reader(cda_file.inspect, cda_file.records, cda_file.record_of),
    "csv": Reader(delimited.inspect, delimited.records),
    "dbf": Reader(dbase.inspect, dbase.records),
    "dicom": Reader(dicom_file.inspect, dicom_file.records, dicom_file.record_of),
    "fhir": Reader(fhir_file.inspect, fhir_file.records),
    "fixed": Reader(fixed_width.inspect, fixed_width.records),
    "hl7v2": Reader(hl7_file.inspect, hl7_file.records, hl7_file.record_of),
    "json": Reader(json_file.inspect, json_file.records),
    "jsonl": Reader(json_lines.inspect, json_lines.records),
    "muse": document_file.MUSE,
    "pdf": document_file.PDFS,
    "scp": document_file.SCP,
    "sql": Reader(json_lines.inspect, json_lines.records),  # what intake.database extracts
    "xls": Reader(workbook.inspect, workbook.records),
    "xlsx": Reader(workbook.inspect, workbook.records),
    "xml": Reader(xml_file.inspect, xml_file.records),
}
