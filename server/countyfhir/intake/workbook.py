"""XLSX sheets: every cell as the text a person sees; dates as ISO text, numbers without a false '.0'."""

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
    rows = iter(sheet(path, declared).iter_rows())
    header: list[str] = []
    for _ in range(declared.header_row):
        header = [shown(cell).strip() for cell in next(rows, [])]
    need_columns(header, declared)
    number = 0
    for cells in rows:
        row = {name: blanked(shown(cell), declared.blanks) for name, cell in zip(header, cells, strict=False) if name}
        if any(value is not None for value in row.values()):
            number += 1
            yield Record(number, row)


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
