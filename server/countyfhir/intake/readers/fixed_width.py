"""Fixed-width text: every column at its place in the line, counted in bytes (as the programs that write it do) or in
characters."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from countyfhir.intake.readers.survey import survey
from countyfhir.intake.readers.text_codecs import MARKS, codec_of
from countyfhir.intake.reading import FileFacts, Record, blanked
from countyfhir.mapping.record import Format


def inspect(path: Path, declared: Format) -> FileFacts:
    """Digest and number of lines; ``problem`` when bytes are not the declared encoding, or most text is damaged."""
    return survey(path, declared, declared.skip, cut=declared.counted == "bytes")


def records(path: Path, declared: Format) -> Iterator[Record]:
    """The lines. One that is too short for its columns, or whose columns cut through a character, has the problem
    ``row-shape``. A character that the writing program cut off at the end of its column is damaged text (M29)."""
    codec = codec_of(declared.encoding, path)
    places = [(name, first - 1, first - 1 + length) for name, first, length in declared.positions]
    needed = max((low for _, low, _ in places), default=0)
    number = 0
    with path.open("rb") as stream:
        for line in islice(stream, declared.skip, None):
            raw = line.rstrip(b"\r\n\x1a")
            if not raw.strip():
                continue
            number += 1
            if number == 1:
                raw = next((raw[len(mark) :] for mark in MARKS if raw.startswith(mark)), raw)
            yield record(number, raw, places, needed, codec, declared)


def record(
    number: int, raw: bytes, places: list[tuple[str, int, int]], needed: int, codec: str, declared: Format
) -> Record:
    line: bytes | str = raw if declared.counted == "bytes" else raw.decode(codec)
    try:
        cells = {name: shown(line, low, high, codec) for name, low, high in places}
    except UnicodeDecodeError:
        return Record(number, {"line": raw.decode(codec, "replace")}, "row-shape")
    row = {name: blanked(cell.strip(), declared.blanks) for name, cell in cells.items()}
    return Record(number, row, "row-shape" if len(line) <= needed else None)


def shown(line: bytes | str, low: int, high: int, codec: str) -> str:
    if isinstance(line, str):
        return line[low:high]
    try:
        return line[low:high].decode(codec)
    except UnicodeDecodeError as error:
        # The rest of a character that the columns cut would follow; figures and blanks cannot be it.
        if error.end < high - low or line[high : high + 1] >= SMALLEST_REST:
            raise
        return line[low:high].decode(codec, "replace")


SMALLEST_REST = b"@"
"""The second byte of a character in GBK is no smaller."""
