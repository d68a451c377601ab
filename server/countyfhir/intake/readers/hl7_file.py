"""Files of HL7 v2 messages: each message is a record; MLLP frames and batch headers around them are passed over."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from countyfhir.intake.hl7.message import NotHl7, read_message
from countyfhir.intake.readers.text_codecs import CODECS
from countyfhir.intake.reading import FileFacts, Record, file_digest
from countyfhir.mapping.record import Format

CHUNK = 1 << 20
START = re.compile(rb"(?:^|(?<=[\r\n\x0b]))MSH(?=[^\w\s])")
BETWEEN = re.compile(rb"[\x0b\x1c]|(?:^|(?<=[\r\n]))(?:FHS|BHS|BTS|FTS)[^\r\n]*")
LONGEST = 64 << 20


def inspect(path: Path, declared: Format) -> FileFacts:
    """Digest, number of messages, and which control ids stand over several messages with other content (dirt M34)."""
    count, contents = 0, defaultdict[bytes, set[bytes]](set)
    for raw in messages(path):
        count += 1
        contents[control_id(raw)].add(hashlib.sha256(raw).digest())
    reused = frozenset(key.decode("latin-1") for key, found in contents.items() if len(found) > 1)
    problem = None if count else "no HL7 v2 message is in the file"
    return FileFacts(file_digest(path), count, problem, reused)


def records(path: Path, declared: Format) -> Iterator[Record]:
    """The messages; one that cannot be read has the problem ``not-hl7`` or ``charset``."""
    for number, raw in enumerate(messages(path), 1):
        yield record_of(number, raw, declared)


def record_of(number: int, raw: bytes, declared: Format) -> Record:
    """The record of one message."""
    try:
        return Record(number, read_message(raw, CODECS[declared.encoding]), source=raw)
    except NotHl7:
        return Record(number, {}, "not-hl7", source=raw)
    except (UnicodeDecodeError, LookupError):
        return Record(number, {}, "charset", source=raw)


def messages(path: Path) -> Iterator[bytes]:
    """The bytes of each message, from its MSH to its last segment; a file of any size is read in pieces."""
    with path.open("rb") as stream:
        rest = b""
        while chunk := stream.read(CHUNK):
            rest += chunk
            starts = [match.start() for match in START.finditer(rest)]
            if starts and starts[-1] >= len(rest) - 8:
                starts.pop()  # its separators may still be cut
            for begin, end in pairwise(starts):
                yield trimmed(rest[begin:end])
            rest = rest[starts[-1] :] if starts else rest[-LONGEST:]
        starts = [match.start() for match in START.finditer(rest)]
        for begin, end in zip(starts, [*starts[1:], len(rest)], strict=False):
            yield trimmed(rest[begin:end])


def trimmed(raw: bytes) -> bytes:
    return BETWEEN.sub(b"", raw).strip(b"\r\n \x1a")


def control_id(raw: bytes) -> bytes:
    """MSH-10."""
    fields = re.split(rb"[\r\n]", raw, maxsplit=1)[0].split(raw[3:4])
    return fields[9] if len(fields) > 9 else b""
