"""JSON lines: one object a line; decimals keep their digits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from countyfhir.intake.readers.text_codecs import BYTE_ORDER_MARK, codec_of, named
from countyfhir.intake.reading import FileFacts, Record, blanked
from countyfhir.mapping.record import Format


def inspect(path: Path, declared: Format) -> FileFacts:
    """Digest and number of lines; ``problem`` when the file is not in its encoding."""
    digest, lines, problem = hashlib.sha256(), 0, None
    codec = codec_of(declared.encoding, path)
    with path.open("rb") as stream:
        for line in stream:
            digest.update(line)
            lines += bool(line.strip())
            if problem is None and not readable(line, codec):
                problem = f"the file is not {named(declared.encoding)} (line {lines})"
    return FileFacts(digest.hexdigest(), lines, problem)


def readable(line: bytes, codec: str) -> bool:
    try:
        line.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def records(path: Path, declared: Format) -> Iterator[Record]:
    """The objects. A line that is no JSON object has the problem ``not-json``; its text is kept."""
    number = 0
    with path.open(encoding=codec_of(declared.encoding, path)) as stream:
        for line in stream:
            line = line.removeprefix(BYTE_ORDER_MARK)
            if not line.strip():
                continue
            number += 1
            row = parsed(line)
            if row is None:
                yield Record(number, {"line": line.rstrip("\n")}, "not-json")
                continue
            yield Record(number, {name: blanked(cell, declared.blanks) for name, cell in row.items()})


def parsed(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line, parse_float=Decimal)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
