"""Legacy files as a stream of records: what every format's reader gives, and the table of readers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from countyfhir.mapping.record import Format, Row

PROBLEM = "%problem"
"""Beside the cells of a row in the quarantine: the issue code of its shape."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file. ``problem`` is an issue code when its shape is wrong (its cells cannot be told apart);
    ``deleted``: the file marks it as deleted. ``source``: its bytes, where they are a message or document of their
    own."""

    number: int  # 1-based, header not counted
    row: Row
    problem: str | None = None
    deleted: bool = False
    source: bytes = b""
    missing: tuple[str, ...] = ()  # of the first record: columns that the mapping uses and the file has not

    def raw(self) -> bytes:
        """The bytes of the record, or its row as JSON with what was wrong with its shape: what the quarantine keeps."""
        kept = {PROBLEM: self.problem, **self.row} if self.problem else self.row
        return self.source or json.dumps(kept, ensure_ascii=False, default=str).encode()

    def digest(self) -> str:
        """SHA-256 of the record's content."""
        if self.source:
            return hashlib.sha256(self.source).hexdigest()
        return hashlib.sha256(
            json.dumps(self.row, ensure_ascii=False, sort_keys=True, default=str).encode()
        ).hexdigest()


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What one pass over the bytes of a file tells: SHA-256, how many records it should hold, why it cannot be read,
    which of its keys stand over several records with other content."""

    digest: str
    records: int
    problem: str | None = None
    reused: frozenset[str] = frozenset()


class Unreadable(ValueError):
    """A file cannot be read as declared; the message says why and what to do."""


def names(path: Path) -> Row:
    """What a file that is one document is called: ``FILE``, and ``STEM`` without its suffix."""
    return {"FILE": path.name, "STEM": path.stem}


def of_row(number: int, raw: bytes, declared: Format) -> Record:
    """The record of a row that was kept as JSON; a row whose shape was wrong still is."""
    row = json.loads(raw, parse_float=Decimal)
    return Record(number, row, row.pop(PROBLEM, None))


@dataclass(frozen=True, slots=True)
class Reader:
    """``inspect`` looks at the whole file once, ``records`` streams it, ``again`` makes the record of what the
    quarantine kept."""

    inspect: Callable[[Path, Format], FileFacts]
    records: Callable[[Path, Format], Iterator[Record]]
    again: Callable[[int, bytes, Format], Record] = of_row


def blanked(value: Any, blanks: frozenset[str]) -> Any:
    """The cell, or None when it means absent."""
    if isinstance(value, str):
        return None if value.strip() in blanks else value
    return value


def need_columns(header: list[str], declared: Format) -> tuple[str, ...]:
    """The columns that the mapping uses and the file has not: its records have nothing there. Unreadable when it has
    none of them, lacks one without which it is another file, or has one twice (nobody knows which is meant)."""
    if twice := [column for column in declared.columns if header.count(column) > 1]:
        raise Unreadable(f"the column(s) {', '.join(twice)} stand more than once in the header; ask which one is meant")
    missing = [column for column in declared.columns if column not in header]
    needed = missing if declared.needed is None else [column for column in missing if column in declared.needed]
    if needed or (missing and len(missing) == len(declared.columns)):
        raise Unreadable(f"the column(s) {', '.join(missing)} are not in the header; correct the mapping or the file")
    return tuple(missing)


def file_digest(path: Path) -> str:
    """SHA-256 of the bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
