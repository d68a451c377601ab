"""JSON files that hold their records in one list, of any size; decimals keep their digits."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import ijson

from countyfhir.intake.readers.text_codecs import MARKS, codec_of, named
from countyfhir.intake.reading import FileFacts, Record, Unreadable, blanked, file_digest
from countyfhir.mapping.record import Format


def inspect(path: Path, declared: Format) -> FileFacts:
    """Digest and number of records; ``problem`` when the file is not JSON in its encoding or the list is not where the
    mapping says."""
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
    with opened(path, declared) as stream:
        try:
            for item in ijson.items(stream, prefix(declared)):
                yield whole(item)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise Unreadable(f"the file is not JSON in {named(declared.encoding)}: {what_is_wrong(error)}") from error


def what_is_wrong(error: Exception) -> str:
    """The reason alone: below it parsers show the place, and with it what stands in the record."""
    if isinstance(error, UnicodeDecodeError):
        return f"it has bytes that are not {error.encoding}"
    reason = error.args[0] if error.args else ""
    text = reason.decode("ascii", "replace") if isinstance(reason, bytes) else str(reason)
    return REASON.match(text)[0] if REASON.match(text) else "it cannot be parsed"  # type: ignore[index]


REASON = re.compile(r"[a-z]+ error: [A-Za-z0-9 ,.()'/-]+")


class Recoded:
    """A stream of another encoding, read as UTF-8."""

    def __init__(self, stream: BinaryIO, codec: str) -> None:
        self.stream, self.decoder = stream, codecs.getincrementaldecoder(codec)("strict")

    def read(self, size: int = -1) -> bytes:
        """The next bytes, some three for each two asked for; none at the end."""
        while raw := self.stream.read(size):
            if text := self.decoder.decode(raw):
                return text.encode()
        return self.decoder.decode(b"", final=True).encode()


@contextmanager
def opened(path: Path, declared: Format) -> Iterator[BinaryIO | Recoded]:
    """The file after its byte order mark, as UTF-8."""
    codec = codec_of(declared.encoding, path)
    with path.open("rb") as stream:
        first = stream.read(4)
        stream.seek(next((len(mark) for mark in MARKS if first.startswith(mark)), 0))
        yield stream if codec == "utf-8" else Recoded(stream, codec)


def empty_list(path: Path, declared: Format) -> bool:
    """Whether the list is there, without an element."""
    wanted = declared.record or ""
    with opened(path, declared) as stream:
        return any(place == wanted and event == "start_array" for place, event, _ in ijson.parse(stream))


def whole(value: Any) -> Any:
    """Numbers as they are in JSON lines: integers without a fraction, others as Decimal."""
    if isinstance(value, dict):
        return {name: whole(part) for name, part in value.items()}
    if isinstance(value, list):
        return [whole(part) for part in value]
    return value if not isinstance(value, float) else Decimal(repr(value))
