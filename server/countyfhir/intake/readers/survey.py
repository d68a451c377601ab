"""The first look at a text file: digest, lines, whether it is what the mapping declares (dirt M29f)."""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from countyfhir.intake.readers.text_codecs import CODECS, codec_of
from countyfhir.intake.reading import FileFacts
from countyfhir.mapping.functions.text import DAMAGED, read_as_gbk
from countyfhir.mapping.record import Format

CHUNK = 1 << 20
END_OF_FILE = "\x1a"
"""What old programs write behind the last line."""


SAMPLE = 1000
"""Of so many lines it is asked whether they are UTF-8 read as GBK, which takes longer."""


@dataclass(slots=True)
class Survey:
    """What the first pass counts: lines, lines with text beyond ASCII, damaged ones among these."""

    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    lines: int = 0
    worded: int = 0
    damaged: int = 0
    problem: str | None = None


def survey(path: Path, declared: Format, header: int, cut: bool = False) -> FileFacts:
    """Digest and record count; ``problem`` when bytes are not the declared encoding, or most text in it is damaged.
    ``header`` lines are no records. ``cut``: the program that wrote it may have cut characters in two; a line with one
    counts as damaged."""
    seen = Survey()
    codec = codec_of(declared.encoding, path)
    decoder = codecs.getincrementaldecoder(codec)("replace" if cut else "strict")
    with path.open("rb") as stream:
        first = stream.read(4)
        stream.seek(0)
        if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            seen.problem = "the file is UTF-16; save it as UTF-8 or GB 18030"
        elif (
            declared.encoding in CODECS and codec == "gb18030" and (first.startswith(codecs.BOM_UTF8) or is_utf8(path))
        ):
            seen.problem = f"the file is UTF-8, but the mapping declares {declared.encoding}; correct 'encoding'"
        rest = ""
        while chunk := stream.read(CHUNK):
            seen.digest.update(chunk)
            rest = surveyed(seen, decoder, chunk, rest, declared.encoding)
    if rest and seen.problem is None:
        count_line(seen, rest)
    if seen.problem is None and seen.damaged * 2 > seen.worded:
        other = f"is not {declared.encoding}, or " if cut and declared.encoding in CODECS else ""
        damage = "was damaged before it came here (converted twice); ask for a new export"
        seen.problem = f"most text in the file {other}{damage}"
    return FileFacts(seen.digest.hexdigest(), max(seen.lines - header, 0), seen.problem)


def surveyed(seen: Survey, decoder: codecs.IncrementalDecoder, chunk: bytes, rest: str, encoding: str) -> str:
    """Counts the lines of a chunk; what is left after its last line end."""
    if seen.problem is not None:
        seen.lines += chunk.count(b"\n")
        return ""
    try:
        text = rest + decoder.decode(chunk)
    except UnicodeDecodeError:
        told = f"{encoding} as the mapping declares" if encoding in CODECS else "UTF-8 or GB 18030 throughout"
        seen.problem = f"the file is not {told} (near line {seen.lines + 1})"
        seen.lines += chunk.count(b"\n")
        return ""
    *lines, rest = text.split("\n")
    for line in lines:
        count_line(seen, line)
    return rest


def count_line(seen: Survey, line: str) -> None:
    if not line.strip().strip(END_OF_FILE):
        return
    seen.lines += 1
    if seen.lines > 1 and not line.isascii():
        seen.worded += 1
        seen.damaged += bool(DAMAGED.search(line) or (seen.worded <= SAMPLE and read_as_gbk(line)))


def is_utf8(path: Path) -> bool:
    """Whether the first megabyte is sound UTF-8 with characters beyond ASCII (GB 18030 text practically never is)."""
    with path.open("rb") as stream:
        sample = stream.read(CHUNK)
    try:
        text = codecs.getincrementaldecoder("utf-8")("strict").decode(sample)
    except UnicodeDecodeError:
        return False
    return not text.isascii() and "\ufffd" not in text
