"""CSV in a declared encoding. A wrong declaration or text damaged upstream is refused, not repaired (dirt M29f)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from countyfhir.intake.readers.survey import END_OF_FILE, survey
from countyfhir.intake.readers.text_codecs import BYTE_ORDER_MARK, codec_of
from countyfhir.intake.reading import FileFacts, Record, Unreadable, blanked, need_columns
from countyfhir.mapping.record import Format

csv.field_size_limit(1 << 24)
BEYOND = "%beyond"
"""The cells of a row for which the header has no column."""


def inspect(path: Path, declared: Format) -> FileFacts:
    """Digest and record count; ``problem`` when bytes are not the declared encoding, or most text in it is damaged."""
    return survey(path, declared, declared.header_row)


def records(path: Path, declared: Format) -> Iterator[Record]:
    """The rows below the header. A row with another number of cells than the header has the problem ``row-shape``."""
    with path.open(encoding=codec_of(declared.encoding, path), newline="") as stream:
        if stream.read(1) != BYTE_ORDER_MARK:
            stream.seek(0)
        rows = csv.reader(stream, delimiter=declared.delimiter)
        for _ in range(declared.header_row - 1):
            next(rows, None)
        header = [name.strip() for name in next(rows, [])]
        if not header:
            raise Unreadable("the file is empty; it should begin with a header")
        missing = need_columns(header, declared)
        blanks, number = declared.blanks, 0
        for cells in rows:
            if not cells or cells == [END_OF_FILE]:
                continue
            number += 1
            row = {name: blanked(cell, blanks) for name, cell in zip(header, cells, strict=False)}
            problem = None if len(cells) == len(header) else "row-shape"
            if further := cells[len(header) :]:
                row[BEYOND] = further
            yield Record(number, row, problem, missing=missing if number == 1 else ())
