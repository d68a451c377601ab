"""Files as texts that each hold one resource, read as a stream: documents, lines, arrays of resources."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import ijson

from countyfhir.cli.loading.files import READ_ERRORS, has_lines, is_xml, texts
from countyfhir.model import json


class Text(NamedTuple):
    """One resource as text. ``problem`` says why there is none; ``offset`` is how far the reader has come in the
    file. ``whole``: the text is the file, so that lines and columns are those of the file."""

    file: Path
    place: str
    body: bytes
    is_xml: bool = False
    whole: bool = False
    problem: str = ""
    offset: int = 0


def read(file: Path) -> Iterator[Text]:
    """Every resource of the file; a file that cannot be read to its end ends in a problem."""
    try:
        if not has_lines(file) and not is_xml(file) and _is_array(file):
            yield from _of_array(file)
            return
        for index, text, offset in texts(file):
            if text.strip():
                lines = has_lines(file)
                yield Text(file, f"line {index + 1}" if lines else "", text, is_xml(file), not lines, "", offset)
    except (*READ_ERRORS, ijson.JSONError) as error:
        yield Text(file, "", b"", problem=f"The file cannot be read to its end: {error}")


def _opened(file: Path) -> io.BufferedIOBase:
    return gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb")


def _is_array(file: Path) -> bool:
    with _opened(file) as stream:
        return stream.read(64).lstrip(b" \t\r\n\xef\xbb\xbf")[:1] == b"["


def _of_array(file: Path) -> Iterator[Text]:
    """The members of an array, one after the other; their decimals keep their digits."""
    with _opened(file) as stream:
        for index, one in enumerate(ijson.items(stream, "item")):
            yield Text(file, f"[{index}]", json.dumps(one) if isinstance(one, dict) else str(one).encode())
