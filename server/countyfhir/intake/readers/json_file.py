"""JSON files that hold their records in one list, of any size; decimals keep their digits."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import ijson

from countyfhir.intake.reading import FileFacts, Record, Unreadable, blanked, file_digest
from countyfhir.mapping.record import Format


def inspect(path: Path, declared: Format) -> FileFacts:
    """Digest and number of records; ``problem`` when the file is not JSON in UTF-8 or the list is not where the mapping
    says."""
    digest, count = file_digest(path), 0
    try:
        for _ in items(path, declared):
            count += 1
    except Unreadable as error:
        return FileFacts(digest, count, str(error))
    if not count and not empty_list(path, declared):
        return FileFacts(digest, 0, f"no list of records is at '{declared.record or '/'}'; correct 'record'")
    return FileFacts(digest, count)


def records(path: Path, declared: Format) -> Iterator[Record]:
    """The objects of the list. One that is no object has the problem ``not-json``; its text is kept."""
    for number, item in enumerate(items(path, declared), 1):
        if isinstance(item, dict):
            yield Record(number, {name: blanked(cell, declared.blanks) for name, cell in item.items()})
        else:
            yield Record(number, {"item": item}, "not-json")


def prefix(declared: Format) -> str:
    """``data.rows`` -> where ijson finds each element of that list."""
    return f"{declared.record}.item" if declared.record else "item"


def items(path: Path, declared: Format) -> Iterator[Any]:
    with opened(path) as stream:
        try:
            for item in ijson.items(stream, prefix(declared)):
                yield whole(item)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise Unreadable(f"the file is not JSON in UTF-8: {str(error).splitlines()[0][:120]}") from error


def opened(path: Path) -> BinaryIO:
    """The file after its byte order mark."""
    stream = path.open("rb")
    if stream.read(3) != codecs.BOM_UTF8:
        stream.seek(0)
    return stream


def empty_list(path: Path, declared: Format) -> bool:
    """Whether the list is there, without an element."""
    wanted = declared.record or ""
    with opened(path) as stream:
        return any(place == wanted and event == "start_array" for place, event, _ in ijson.parse(stream))


def whole(value: Any) -> Any:
    """Numbers as they are in JSON lines: integers without a fraction, others as Decimal."""
    if isinstance(value, dict):
        return {name: whole(part) for name, part in value.items()}
    if isinstance(value, list):
        return [whole(part) for part in value]
    return value if not isinstance(value, float) else Decimal(repr(value))
