"""CSV in a declared encoding. A wrong declaration or text damaged upstream is refused, not repaired (dirt M29f)."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
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
        for _ in range(declared.header_row - 1):
            next(csv.reader(stream, delimiter=declared.delimiter), None)
        header = [name.strip() for name in next(csv.reader(stream, delimiter=declared.delimiter), [])]
        if not header:
            raise Unreadable("the file is empty; it should begin with a header")
        missing = need_columns(header, declared)
        blanks, number = declared.blanks, 0
        for cells, closed in rows(stream, declared.delimiter, len(header)):
            if not cells or cells == [END_OF_FILE]:
                continue
            number += 1
            row = {name: blanked(cell, blanks) for name, cell in zip(header, cells, strict=False)}
            problem = None if closed and len(cells) == len(header) else "row-shape"
            if further := cells[len(header) :]:
                row[BEYOND] = further
            yield Record(number, row, problem, missing=missing if number == 1 else ())


class _Lines:
    """The lines of a file one by one; those since ``taken`` was emptied can be put back. ``over``: one more was asked
    for than there are."""

    def __init__(self, stream: Iterator[str]) -> None:
        self._stream, self._back = stream, deque[str]()
        self.taken: list[str] = []
        self.over = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else next(self._stream, None)
        if line is None:
            self.over = True
            raise StopIteration
        self.taken.append(line)
        return line

    def put_back(self, lines: Sequence[str]) -> None:
        """They come again, before the others."""
        self._back.extendleft(reversed(lines))
        self.over = False


def rows(stream: Iterator[str], delimiter: str, width: int) -> Iterator[tuple[list[str], bool]]:
    """The rows of a file as cells, and whether their quotations are closed. A quotation mark that is never closed
    costs the line it stands in: where a row of several lines has another number of cells than ``width``, or ends with
    the file inside a quotation, and a line within it is a whole row by itself, its first line stands alone and the
    others are read again."""
    lines = _Lines(stream)
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        lines.taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a cell larger than one may be
            cells = []
        first, *others = lines.taken
        swallowed = others if lines.over or not cells else others[:-1] if len(cells) != width else []
        closed = not any(len(_alone(one, delimiter)) == width for one in swallowed)
        if not closed or not cells:
            lines.put_back(others)
            reader = csv.reader(lines, delimiter=delimiter)
            cells = _alone(first, delimiter)
        yield cells, closed


def _alone(line: str, delimiter: str) -> list[str]:
    """The cells of a line by itself; all of it as one where they cannot be told apart."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return [line]
