"""A look at the columns of an unknown sample file: what stands in each, and what it is likely to be."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import python_calamine

from countyfhir.intake.readers.formats import READERS
from countyfhir.intake.reading import Unreadable
from countyfhir.mapping.functions.dates import AGE
from countyfhir.mapping.functions.text import narrow
from countyfhir.mapping.record import Format

SAMPLED = 10_000
"""Records that are looked at."""
DISTINCT_SHOWN = 12
DISTINCT_KEPT = 500
LONGEST_CODE = 8
FORMAT_OF: Mapping[str, str] = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "csv",
    ".dbf": "dbf",
    ".xlsx": "xlsx",
    ".xls": "xls",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".hl7": "hl7v2",
}
DELIMITERS = ",\t;|"
SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("identity number", re.compile(r"\d{17}[\dXx]|\d{15}")),
    ("phone", re.compile(r"1[3-9]\d{9}.*|0\d{2,3}-?\d{7,8}.*")),
    ("date and time", re.compile(r"\d{4}[-/.年]?\d{1,2}[-/.月]?\d{1,2}日?[ T]?\d{1,2}[:时]?\d{2}.*|\d{14}")),
    ("date", re.compile(r"\d{4}[-/.年]\d{1,2}([-/.月]\d{1,2}日?|月)?|(19|20)\d{6}")),
    ("blood pressure", re.compile(r"\d{2,3}(\.\d)?\s*[/-]\s*\d{2,3}(\.\d)?\s*(mmHg|kPa)?", re.IGNORECASE)),
    ("age", AGE),
    ("ICD-10 code", re.compile(r"[A-Z]\d{2}(\.[0-9Xx]\w*)?")),
    ("number", re.compile(r"[-+]?\d+(\.\d+)?")),
)
"""What a cell looks like, the first that fits."""
NUMBER = re.compile(r"-?\d+(\.\d+)?")


@dataclass(slots=True)
class Column:
    """What stands in a column: how many cells, blanks, distinct values (capped), shapes."""

    name: str
    cells: int = 0
    blanks: int = 0
    values: Counter[str] = field(default_factory=Counter)
    shapes: Counter[str] = field(default_factory=Counter)
    longest: int = 0

    def see(self, cell: Any) -> None:
        """One more cell."""
        self.cells += 1
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            self.blanks += 1
            return
        text = narrow(cell) if not isinstance(cell, (dict, list)) else type(cell).__name__
        self.longest = max(self.longest, len(text))
        self.shapes[shape_of(text)] += 1
        if len(self.values) < DISTINCT_KEPT or text in self.values:
            self.values[text] += 1

    @property
    def kind(self) -> str:
        """The commonest shape."""
        return self.shapes.most_common(1)[0][0] if self.shapes else "blank"

    @property
    def is_code(self) -> bool:
        """Few short values that come again and again."""
        return (
            0 < len(self.values) <= DISTINCT_SHOWN and self.longest <= LONGEST_CODE and self.filled > len(self.values)
        )

    @property
    def filled(self) -> int:
        return self.cells - self.blanks

    @property
    def is_key(self) -> bool:
        """Never blank, never twice, as far as was looked."""
        return self.filled > 0 and not self.blanks and len(self.values) == min(self.cells, DISTINCT_KEPT)

    def told(self, values: bool = True) -> str:
        """The profile in one line. Values are shown only where they are codes, and ``values`` allows it: never those
        that tell who somebody is."""
        parts = [f"{self.filled} of {self.cells} filled", self.kind]
        others = [f"{count} {shape}" for shape, count in self.shapes.most_common(4)[1:]]
        parts += [f"also {', '.join(others)}"] if others else []
        if self.is_code and values:
            parts.append("values " + ", ".join(f"{value} ({count})" for value, count in self.values.most_common()))
        else:
            more = "+" if len(self.values) == DISTINCT_KEPT else ""
            parts.append(f"{len(self.values)}{more} distinct, up to {self.longest} characters")
            numbers = [float(value) for value in self.values if NUMBER.fullmatch(value)]
            parts += [f"{min(numbers):g} to {max(numbers):g}"] if self.kind == "number" and numbers else []
        return "; ".join(parts)


def shape_of(text: str) -> str:
    """What a cell looks like."""
    return next((name for name, pattern in SHAPES if pattern.fullmatch(text)), "text")


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample file: how it is read, its columns in order, how many records were looked at."""

    format: Format
    columns: tuple[Column, ...]
    records: int


def profiled(path: Path, sheet: str | None = None) -> Sample:
    """The profile of a file; Unreadable when its format is not one that can be proposed for."""
    declared = declared_format(path, sheet)
    columns: dict[str, Column] = {}
    count = 0
    for row in rows(path, declared):
        count += 1
        for name, cell in row.items():
            column = columns.setdefault(name, Column(name))
            column.blanks += count - 1 - column.cells  # cells that earlier records did not have
            column.cells = count - 1
            column.see(cell)
    for column in columns.values():
        column.blanks += count - column.cells
        column.cells = count
    return Sample(declared, tuple(columns.values()), count)


def rows(path: Path, declared: Format) -> Iterator[dict[str, Any]]:
    for number, record in enumerate(READERS[declared.format].records(path, declared)):
        if number == SAMPLED:
            return
        if record.problem is None:
            yield flat(record.row) if declared.format == "hl7v2" else record.row


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The fields of a message by their path: PID.f3, OBR.f4; the first of repeated ones."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, dict) and not prefix:
            found |= flat(first, f"{name}.")
        elif isinstance(first, dict):
            leaf = first.get("c1")
            found[f"{prefix}{name}.c1.first()"] = leaf if isinstance(leaf, str) else None
        elif first not in (None, ""):
            found[f"{prefix}{name}"] = first
    return found


def declared_format(path: Path, sheet: str | None) -> Format:
    """How the file is read: by its ending, then by its bytes."""
    kind = FORMAT_OF.get(path.suffix.lower())
    if kind is None:
        raise Unreadable(f"{path.suffix or 'a file without an ending'} is not among {', '.join(FORMAT_OF)}")
    encoding = encoding_of(path) if kind in ("csv", "dbf", "hl7v2") else "utf-8"
    if kind == "csv":
        return Format(kind, path.name, (), encoding, delimiter_of(path, encoding))
    if kind in ("xlsx", "xls"):
        names = python_calamine.CalamineWorkbook.from_path(str(path)).sheet_names
        return Format(kind, path.name, (), sheet=sheet or (names[0] if len(names) > 1 else None))
    return Format(kind, path.name, (), encoding)


def encoding_of(path: Path) -> str:
    """UTF-8 where the first megabyte is, else GB 18030; plain ASCII counts as UTF-8 (of a DBF as GB 18030)."""
    with path.open("rb") as stream:
        sample = stream.read(1 << 20)
    if path.suffix.lower() == ".dbf":
        return "gb18030"
    cut = sample[: sample.rfind(b"\n") + 1] or sample
    try:
        cut.decode("utf-8")
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def delimiter_of(path: Path, encoding: str) -> str:
    """The sign that the header has most of."""
    with path.open(encoding=encoding, errors="replace", newline="") as stream:
        header = stream.readline()
    counted: Iterable[tuple[int, str]] = (
        (len(next(csv.reader([header], delimiter=sign), [])), sign) for sign in DELIMITERS
    )
    return max(counted, key=lambda pair: (pair[0], -DELIMITERS.index(pair[1])))[1]
