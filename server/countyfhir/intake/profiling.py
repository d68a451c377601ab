"""A look at the columns of an unknown sample file: what stands in each, and what it is likely to be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from countyfhir.intake.readers.formats import READERS
from countyfhir.intake.reading import Unreadable
from countyfhir.intake.sampling import declared_format
from countyfhir.mapping.functions.dates import AGE
from countyfhir.mapping.functions.text import narrow
from countyfhir.mapping.record import Format

SAMPLED = 10_000
"""Records that are looked at."""
DISTINCT_SHOWN = 12
DISTINCT_KEPT = 500
FEW = 5
"""Values that are codes even in a sample that has each of them hardly twice."""
LONGEST_CODE = 8
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
            0 < len(self.values) <= DISTINCT_SHOWN
            and self.longest <= LONGEST_CODE
            and self.filled > len(self.values)
            and (len(self.values) <= FEW or self.filled >= 2 * len(self.values))
        )

    @property
    def filled(self) -> int:
        return self.cells - self.blanks

    @property
    def is_key(self) -> bool:
        """Never blank, never twice, as far as was looked."""
        return self.filled > 0 and not self.blanks and len(self.values) == min(self.cells, DISTINCT_KEPT)

    @property
    def is_unique(self) -> bool:
        """Hardly ever blank, never twice, as far as was looked."""
        return len(self.values) == min(self.filled, DISTINCT_KEPT) and self.filled * 10 >= self.cells * 8

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
    """A sample file: how it is read, its columns in order, how many records were looked at. ``paths``: where the
    columns of a record that is a tree are found."""

    format: Format
    columns: tuple[Column, ...]
    records: int
    paths: Mapping[str, str] = field(default_factory=dict)


def profiled(path: Path, sheet: str | None = None) -> Sample:
    """The profile of a file; Unreadable when its format is not one that can be proposed for, or it has no record."""
    declared = declared_format(path, sheet)
    columns: dict[str, Column] = {}
    names: dict[str, str] = {}
    count = 0
    for row in rows(path, declared):
        count += 1
        for place, cell in row.items():
            name = called(place, names, declared.format in TREES)
            column = columns.setdefault(name, Column(name))
            column.blanks += count - 1 - column.cells  # cells that earlier records did not have
            column.cells = count - 1
            column.see(cell)
    if not columns:
        raise Unreadable("it has no record")
    for column in columns.values():
        column.blanks += count - column.cells
        column.cells = count
    paths = {name: place for place, name in names.items()}
    tree = declared.format == "hl7v2" or any(name != place for name, place in paths.items())
    return Sample(declared, tuple(columns.values()), count, paths if tree else {})


def called(place: str, names: dict[str, str], tree: bool) -> str:
    """What the column at a place of a record is called: of a tree the last word of the place, the whole of it where
    that is taken."""
    if place not in names:
        plain = re.sub("[`@#]", "", place) if tree else place
        last = plain.rpartition(".")[2] if tree else plain
        names[place] = last if last and last not in names.values() else plain.replace(".", "_")
    return names[place]


TREES = frozenset({"json", "jsonl", "xml"})


def rows(path: Path, declared: Format) -> Iterator[dict[str, Any]]:
    for number, record in enumerate(READERS[declared.format].records(path, declared)):
        if number == SAMPLED:
            return
        if record.problem is None:
            if declared.format == "hl7v2":
                yield flat(record.row)
            else:
                yield dict(leaves(record.row)) if declared.format in TREES else record.row


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The cells of a record that may be a tree, by their FHIRPath; a list stays one cell."""
    for name, value in tree.items():
        place = f"{prefix}{name if PLAIN.match(name) or not NESTED.search(name) else f'`{name}`'}"
        if isinstance(value, dict):
            yield from leaves(value, f"{place}.")
        else:
            yield place, value


PLAIN, NESTED = re.compile(r"[^\W\d]\w*\Z"), re.compile(r"^[@#]")


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
