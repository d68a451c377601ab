"""Fixed-width text: every column at its place in the line, counted in bytes (as the programs that write it do) or in
characters."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from countyfhir.intake.readers.survey import survey
from countyfhir.intake.readers.text_codecs import CODECS
from countyfhir.intake.reading import FileFacts, Record, blanked
from countyfhir.mapping.record import Format


def inspect(path: Path, declared: Format) -> FileFacts:
    """Digest and number of lines; ``problem`` when bytes are not the declared encoding, or most text is damaged."""
    return survey(path, declared, declared.skip)


def records(path: Path, declared: Format) -> Iterator[Record]:
    """The lines. One that is too short for its columns, or whose columns cut through a character, has the problem
    ``row-shape``."""
    codec = CODECS[declared.encoding]
    places = [(name, first - 1, first - 1 + length) for name, first, length in declared.positions]
    needed = max((low for _, low, _ in places), default=0)
    number = 0
    with path.open("rb") as stream:
        for line in islice(stream, declared.skip, None):
            raw = line.rstrip(b"\r\n\x1a")
            if not raw.strip():
                continue
            number += 1
            yield record(number, raw.removeprefix(b"\xef\xbb\xbf"), places, needed, codec, declared)


def record(
    number: int, raw: bytes, places: list[tuple[str, int, int]], needed: int, codec: str, declared: Format
) -> Record:
    line: bytes | str = raw if declared.counted == "bytes" else raw.decode(codec)
    try:
        cells = {name: shown(line[low:high], codec) for name, low, high in places}
    except UnicodeDecodeError:
        return Record(number, {"line": raw.decode(codec, "replace")}, "row-shape")
    row = {name: blanked(cell.strip(), declared.blanks) for name, cell in cells.items()}
    return Record(number, row, "row-shape" if len(line) <= needed else None)


def shown(cell: bytes | str, codec: str) -> str:
    return cell if isinstance(cell, str) else cell.decode(codec)
