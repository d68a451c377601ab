"""Long texts beside a DBF table: FoxPro's .FPT and dBase's .DBT."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from countyfhir.intake.reading import Unreadable

Memo = Callable[[bytes, str], str]
"""From the bytes of a memo field and the encoding to the text."""
DBASE_BLOCK = 512
DBASE_END = b"\x1a"
DBASE_4_MARK = b"\xff\xff\x08\x00"
LONGEST = 16 * 1024 * 1024


@contextmanager
def open_memo(table: Path) -> Iterator[Memo]:
    """The memo file of a table, whatever the case of its name; without one, memo fields that say something are
    Unreadable."""
    for suffix, kind in ((".fpt", foxpro), (".dbt", dbase)):
        for path in table.parent.glob(f"{glob_safe(table.stem)}.*"):
            if path.suffix.lower() == suffix:
                with path.open("rb") as stream:
                    yield kind(stream)
                return
    yield absent


def glob_safe(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def absent(raw: bytes, encoding: str) -> str:
    """No memo file is there: fine as long as no row points into it."""
    if block_number(raw):
        raise Unreadable("the table has long texts, but its memo file (.FPT or .DBT) is not beside it")
    return ""


def block_number(raw: bytes) -> int:
    """A memo field holds its block as ten digits, or as four bytes (Visual FoxPro)."""
    if len(raw) == 4:
        return int(struct.unpack("<I", raw)[0])
    digits = raw.strip(b"\0 ")
    return int(digits) if digits.isdigit() else 0


def foxpro(stream: BinaryIO) -> Memo:
    """.FPT: the block size stands in the header, the length before each text."""
    size = int.from_bytes(stream.read(8)[6:8], "big") or DBASE_BLOCK

    def read(raw: bytes, encoding: str) -> str:
        block = block_number(raw)
        if not block:
            return ""
        stream.seek(block * size)
        head = stream.read(8)
        length = int.from_bytes(head[4:8], "big")
        if len(head) < 8 or length > LONGEST:
            raise Unreadable("a long text points outside the memo file; ask for a new export")
        return stream.read(length).rstrip(b"\0 ").decode(encoding)

    return read


def dbase(stream: BinaryIO) -> Memo:
    """.DBT: dBase III ends a text with 1A, dBase IV says its length."""

    def read(raw: bytes, encoding: str) -> str:
        block = block_number(raw)
        if not block:
            return ""
        stream.seek(block * DBASE_BLOCK)
        text = stream.read(DBASE_BLOCK)
        if text.startswith(DBASE_4_MARK):
            length = min(struct.unpack("<I", text[4:8])[0], LONGEST)
            stream.seek(block * DBASE_BLOCK + 8)
            return stream.read(max(length - 8, 0)).rstrip(b"\0 ").decode(encoding)
        while DBASE_END not in text and len(text) < LONGEST and (more := stream.read(DBASE_BLOCK)):
            text += more
        return text.split(DBASE_END)[0].rstrip(b"\0 ").decode(encoding)

    return read
