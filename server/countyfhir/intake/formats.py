"""The table of readers by the format a mapping file declares."""

from __future__ import annotations

from collections.abc import Mapping

from countyfhir.intake import delimited, json_lines, workbook
from countyfhir.intake.reading import Reader

READERS: Mapping[str, Reader] = {
    "csv": Reader(delimited.inspect, delimited.records),
    "xlsx": Reader(workbook.inspect, workbook.records),
    "jsonl": Reader(json_lines.inspect, json_lines.records),
}
