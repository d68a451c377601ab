"""CSV in a declared encoding. A wrong declaration or text damaged upstream is refused, not repaired (dirt M29f)."""

from __future__ import annotations

import codecs
import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from countyfhir.intake.reading import FileFacts, Record, Unreadable, blanked, need_columns
from countyfhir.mapping.functions.text import DAMAGED
from countyfhir.mapping.record import Format

CHUNK = 1 << 20
CODECS = {"gb18030": "gb18030", "gbk": "gb18030", "gb2312": "gb18030", "utf-8": "utf-8", "utf-8-sig": "utf-8"}
"""GB 18030 reads whatever is declared as GBK or GB2312. UTF-8 is read with or without a byte order mark."""
csv.field_size_limit(1 << 24)


@dataclass(slots=True)
class Survey:
    """What the first pass counts: lines, lines with text beyond ASCII, damaged ones among these."""

    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    lines: int = 0
    worded: int = 0
    damaged: int = 0
    problem: str | None = None


def inspect(path: Path, declared: Format) -> FileFacts:
    """Digest and record count; ``problem`` when bytes are not the declared encoding, or most text in it is damaged."""
    survey = Survey()
    decoder = codecs.getincrementaldecoder(CODECS[declared.encoding])("strict")
    with path.open("rb") as stream:
        first = stream.read(4)
        stream.seek(0)
        if CODECS[declared.encoding] == "gb18030" and (first.startswith(codecs.BOM_UTF8) or is_utf8(path)):
            survey.problem = f"the file is UTF-8, but the mapping declares {declared.encoding}; correct 'encoding'"
        rest = ""
        while chunk := stream.read(CHUNK):
            survey.digest.update(chunk)
            rest = surveyed(survey, decoder, chunk, rest, declared.encoding)
    if rest and survey.problem is None:
        count_line(survey, rest)
    if survey.problem is None and survey.damaged * 2 > survey.worded:
        survey.problem = "most text in the file was damaged before it came here (converted twice); ask for a new export"
    return FileFacts(survey.digest.hexdigest(), max(survey.lines - declared.header_row, 0), survey.problem)


def surveyed(survey: Survey, decoder: codecs.IncrementalDecoder, chunk: bytes, rest: str, encoding: str) -> str:
    """Counts the lines of a chunk; what is left after its last line end."""
    if survey.problem is not None:
        survey.lines += chunk.count(b"\n")
        return ""
    try:
        text = rest + decoder.decode(chunk)
    except UnicodeDecodeError:
        survey.problem = f"the file is not {encoding} as the mapping declares (near line {survey.lines + 1})"
        survey.lines += chunk.count(b"\n")
        return ""
    *lines, rest = text.split("\n")
    for line in lines:
        count_line(survey, line)
    return rest


def count_line(survey: Survey, line: str) -> None:
    if not line.strip():
        return
    survey.lines += 1
    if survey.lines > 1 and not line.isascii():
        survey.worded += 1
        survey.damaged += bool(DAMAGED.search(line))


def is_utf8(path: Path) -> bool:
    """Whether the first megabyte is sound UTF-8 with characters beyond ASCII (GB 18030 text practically never is)."""
    with path.open("rb") as stream:
        sample = stream.read(CHUNK)
    try:
        text = codecs.getincrementaldecoder("utf-8")("strict").decode(sample)
    except UnicodeDecodeError:
        return False
    return not text.isascii() and "\ufffd" not in text


def records(path: Path, declared: Format) -> Iterator[Record]:
    """The rows below the header. A row with another number of cells than the header has the problem ``row-shape``."""
    encoding = "utf-8-sig" if CODECS[declared.encoding] == "utf-8" else "gb18030"
    with path.open(encoding=encoding, newline="") as stream:
        rows = csv.reader(stream, delimiter=declared.delimiter)
        for _ in range(declared.header_row - 1):
            next(rows, None)
        header = [name.strip() for name in next(rows, [])]
        if not header:
            raise Unreadable("the file is empty; it should begin with a header")
        need_columns(header, declared)
        blanks, number = declared.blanks, 0
        for cells in rows:
            if not cells:
                continue
            number += 1
            row = {name: blanked(cell, blanks) for name, cell in zip(header, cells, strict=False)}
            yield Record(number, row, None if len(cells) == len(header) else "row-shape")
