"""DBF tables (dBase III to FoxPro) with their memo files. Rows that are marked deleted are records, too: whoever
reads decides what they mean (dirt M35d)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from countyfhir.intake.readers.memo import Memo, open_memo
from countyfhir.intake.readers.text_codecs import CODECS
from countyfhir.intake.reading import FileFacts, Record, Unreadable, blanked, file_digest, need_columns
from countyfhir.mapping.functions.text import DAMAGED
from countyfhir.mapping.record import Format

KINDS = frozenset((0x02, 0x03, 0x04, 0x05, 0x30, 0x31, 0x32, 0x43, 0x63, 0x83, 0x8B, 0x8E, 0xCB, 0xE5, 0xF5, 0xFB))
"""First bytes of table files."""
DESCRIPTOR = 32
END_OF_FIELDS = 0x0D
DELETED = 0x2A
ROWS_READ_AT_ONCE = 512
JULIAN_OFFSET = 1721425
"""Julian day number of 0001-01-01 in the calendar of Python's date, whose ordinal it has 1."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column: name, type letter, where its bytes lie in a row."""

    name: str
    kind: str
    start: int
    length: int
    decimals: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The header of a table: how many rows, where they begin, how long each is."""

    rows: int
    start: int
    row_length: int
    fields: tuple[Field, ...]


def layout_of(stream: BinaryIO) -> Layout:
    """Read the header; Unreadable when this is no DBF table."""
    head = stream.read(DESCRIPTOR)
    if len(head) < DESCRIPTOR or head[0] not in KINDS:
        raise Unreadable("the file is not a DBF table")
    rows, start, row_length = struct.unpack("<IHH", head[4:12])
    described = stream.read(max(start - DESCRIPTOR, 0))
    fields, at, place = [], 0, 1
    while at + DESCRIPTOR <= len(described) and described[at] != END_OF_FIELDS:
        field = field_of(described[at : at + DESCRIPTOR], place)
        fields.append(field)
        place, at = place + field.length, at + DESCRIPTOR
    if not fields or row_length < 1 or place > row_length:
        raise Unreadable("the header of the DBF table is damaged; ask for a new export")
    return Layout(rows, start, row_length, tuple(fields))


def field_of(described: bytes, place: int) -> Field:
    name = described[:11].split(b"\0")[0].decode("gb18030", "replace").strip()
    kind, length, decimals = chr(described[11]), described[16], described[17]
    if kind == "C":  # long character fields keep the high byte of their length where others keep decimals
        length, decimals = length + 256 * decimals, 0
    return Field(name, kind, place, length, decimals)


def inspect(path: Path, declared: Format) -> FileFacts:
    """Digest, number of rows (deleted ones too); ``problem`` when the table is damaged, cut short or not in the
    declared encoding. The code page byte of the header is not asked: in the field it is wrong."""
    digest = file_digest(path)
    try:
        with path.open("rb") as stream:
            layout = layout_of(stream)
        held = max(path.stat().st_size - layout.start, 0) // layout.row_length
        if held < layout.rows:
            return FileFacts(digest, layout.rows, f"the table is cut short: {held} of {layout.rows} rows are there")
        return FileFacts(digest, layout.rows, damaged(path, declared))
    except Unreadable as error:
        return FileFacts(digest, 0, str(error))


def damaged(path: Path, declared: Format) -> str | None:
    """What is wrong with the text of the table, if it is not what the mapping declares."""
    worded = bad = 0
    try:
        for record in records(path, declared):
            cells = [cell for cell in record.row.values() if isinstance(cell, str) and not cell.isascii()]
            worded += bool(cells)
            bad += any(DAMAGED.search(cell) for cell in cells)
    except UnicodeDecodeError:
        return f"the table is not {declared.encoding} as the mapping declares; correct 'encoding'"
    if bad * 2 > worded:
        return "most text in the table was damaged before it came here (converted twice); ask for a new export"
    return None


def records(path: Path, declared: Format) -> Iterator[Record]:
    """The rows in order, numbered from 1 with the deleted ones; character fields without the blanks that fill them."""
    with path.open("rb") as stream:
        layout = layout_of(stream)
        missing = need_columns([field.name for field in layout.fields], declared)
        with open_memo(path) as memo:
            readers = [(field, converter(field, CODECS[declared.encoding], memo)) for field in layout.fields]
            for number, row in enumerate(rows_of(stream, layout), 1):
                cells = {field.name: read(row[field.start : field.start + field.length]) for field, read in readers}
                shown = {name: blanked(cell, declared.blanks) for name, cell in cells.items()}
                told = missing if number == 1 else ()
                yield Record(number, shown, deleted=row[0] == DELETED, missing=told)


def rows_of(stream: BinaryIO, layout: Layout) -> Iterator[bytes]:
    stream.seek(layout.start)
    left, length = layout.rows, layout.row_length
    while left and (block := stream.read(length * min(left, ROWS_READ_AT_ONCE))):
        whole = len(block) // length
        for at in range(whole):
            yield block[at * length : (at + 1) * length]
        left -= whole
        if not whole:
            return


Convert = Callable[[bytes], Any]


def converter(field: Field, encoding: str, memo: Memo) -> Convert:
    """How the bytes of a field become text as a person would write it."""
    if field.kind in "MGP":
        return lambda raw: memo(raw, encoding)
    return BINARY.get(field.kind) or (lambda raw: raw.rstrip(b"\0 ").decode(encoding))


def as_number(raw: bytes) -> str:
    return raw.strip(b"\0 *").decode("ascii", "replace")


def as_date(raw: bytes) -> str:
    text = raw.strip(b"\0 ").decode("ascii", "replace")
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text


def as_logical(raw: bytes) -> str:
    return {b"T": "T", b"Y": "T", b"F": "F", b"N": "F"}.get(raw.strip(b"\0 ?").upper(), "")


def as_moment(raw: bytes) -> str:
    """Visual FoxPro: Julian day and milliseconds."""
    day, milliseconds = struct.unpack("<ii", raw[:8])
    if day <= JULIAN_OFFSET:
        return ""
    seconds = round(milliseconds / 1000)
    moment = date.fromordinal(day - JULIAN_OFFSET + seconds // 86400)
    return f"{moment.isoformat()} {timedelta(seconds=seconds % 86400)!s:0>8}"


def as_money(raw: bytes) -> str:
    """Ten-thousandths in 64 bits."""
    amount = struct.unpack("<q", raw)[0]
    sign, whole = "-" if amount < 0 else "", abs(amount)
    return f"{sign}{whole // 10000}.{whole % 10000:04}"


BINARY: dict[str, Convert] = {
    "N": as_number,
    "F": as_number,
    "D": as_date,
    "L": as_logical,
    "T": as_moment,
    "Y": as_money,
    "I": lambda raw: str(struct.unpack("<i", raw)[0]),
    "B": lambda raw: repr(struct.unpack("<d", raw)[0]),
}
"""Field types that are not text in the encoding of the table."""
