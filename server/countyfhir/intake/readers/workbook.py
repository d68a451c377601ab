"""XLSX and XLS sheets: every cell as the text a person sees; dates as ISO text, numbers without a false '.0'."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import python_calamine

from countyfhir.intake.reading import FileFacts, Record, Unreadable, blanked, file_digest, need_columns
from countyfhir.mapping.record import Format

EXACT = 10**15
"""Spreadsheets keep 15 digits; a larger number has lost the rest and is shown with an exponent, so that it is
noticed."""


def sheet(path: Path, declared: Format) -> python_calamine.CalamineSheet:
    """The declared sheet (the first when none is declared)."""
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
    except (python_calamine.CalamineError, OSError) as error:
        raise Unreadable(f"the file is not a workbook: {error}") from error
    name = declared.sheet or (book.sheet_names[0] if book.sheet_names else "")
    if name not in book.sheet_names:
        raise Unreadable(f"the sheet '{name}' is not in the workbook")
    return book.get_sheet_by_name(name)


def inspect(path: Path, declared: Format) -> FileFacts:
    """Digest and number of rows."""
    digest = file_digest(path)
    try:
        count = sheet(path, declared).height - declared.header_row
    except Unreadable as error:
        return FileFacts(digest, 0, str(error))
    return FileFacts(digest, max(count, 0))


def records(path: Path, declared: Format) -> Iterator[Record]:
    """The rows below the header; rows without any cell are not records."""
    opened = sheet(path, declared)
    rows = iter(opened.iter_rows())
    above = [[shown(cell).strip() for cell in next(rows, [])] for _ in range(declared.header_row)]
    header = joined_header(above, opened, declared)
    missing = need_columns(header, declared)
    number = 0
    for cells in rows:
        row = {name: blanked(shown(cell), declared.blanks) for name, cell in zip(header, cells, strict=False) if name}
        if any(value is not None for value in row.values()):
            number += 1
            yield Record(number, row, missing=missing if number == 1 else ())


def joined_header(above: list[list[str]], opened: python_calamine.CalamineSheet, declared: Format) -> list[str]:
    """The column names: of a header of several rows each cell with those above it, "血压/收缩压"; a merged cell counts
    for every cell it spans."""
    spread_merged(above, opened)
    levels = above[-declared.header_rows :]
    width = max((len(level) for level in levels), default=0)
    columns = ([level[place] if place < len(level) else "" for level in levels] for place in range(width))
    return ["/".join(dict.fromkeys(name for name in column if name)) for column in columns]


def spread_merged(rows: list[list[str]], opened: python_calamine.CalamineSheet) -> None:
    top, left = opened.start or (0, 0)
    for (first_row, first), (last_row, last) in opened.merged_cell_ranges or ():
        for row in range(first_row - top, min(last_row - top + 1, len(rows))):
            for place in range(first - left, last - left + 1):
                if row >= 0 and 0 <= place < len(rows[row]):
                    rows[row][place] = rows[max(first_row - top, 0)][first - left]


def shown(cell: Any) -> str:
    """A cell as text."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return f"{cell:.0f}" if cell.is_integer() and abs(cell) < EXACT else repr(cell)
    if isinstance(cell, int) and abs(cell) >= EXACT:
        return repr(float(cell)) if abs(cell) >= 10**16 else str(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    return str(cell) if not isinstance(cell, timedelta) else str(cell.total_seconds())
