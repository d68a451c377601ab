"""Files that hold FHIR resources, as pieces that can be sent: a resource, a whole bundle, or a problem."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from countyfhir.model import json, xml
from countyfhir.outcome import FhirError

LINES = (".ndjson", ".jsonl")
XML = ".xml"
SUFFIXES = (*LINES, ".json", XML)
SENT_WHOLE = frozenset({"transaction", "batch"})
"""Bundles that say themselves what is to be done."""
READ_ERRORS = (OSError, EOFError, zlib.error)
"""What a file that cannot be read to its end raises."""
TAKEN_APART = frozenset({"collection", "searchset"})
"""Bundles that are only a wrapping: their entries are loaded together. Any other Bundle is a resource of its own."""


class Head(msgspec.Struct):
    """What must be known of a resource to send it."""

    resourceType: str = ""  # noqa: N815 - FHIR's own name
    id: str | None = None
    type: Any = None


class Entry(msgspec.Struct):
    """An entry of a Bundle, its resource as it was written."""

    fullUrl: str | None = None  # noqa: N815
    resource: msgspec.Raw = msgspec.Raw(b"")


class Wrapping(msgspec.Struct):
    """A Bundle that is only a wrapping."""

    entry: list[Entry] = []


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing to send. ``index`` counts from 0 inside the file, ``place`` says to people where it stands; ``key`` is
    "Patient/1" when it writes exactly that; ``problem`` says why it cannot be sent; ``offset`` is how far into the file
    the reader has come."""

    file: Path
    index: int
    place: str
    kind: str  # resource | bundle | problem | blank
    body: bytes = b""
    key: str | None = None
    full_url: str | None = None
    problem: str = ""
    offset: int = 0


def find(sources: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """The files to load, in order and once each, and what is wrong with the sources. Folders are searched through."""
    found: dict[Path, None] = {}
    problems = []
    for source in sources:
        if source.is_dir():
            inside = sorted(path for path in source.rglob("*") if path.is_file() and _loadable(path))
            problems += (
                [] if inside else [f"{source}: no file there ends in {', '.join(SUFFIXES)} or the same with .gz"]
            )
            found.update(dict.fromkeys(inside))
        elif not source.exists():
            problems.append(f"{source}: there is no such file or folder")
        elif not _loadable(source):
            problems.append(f"{source}: the name must end in {', '.join(SUFFIXES)} or the same with .gz")
        else:
            found[source] = None
    return list(found), problems


def texts(file: Path) -> Iterator[tuple[int, bytes, int]]:
    """What the file holds: number from 0, text, and how far into the file the reader has come. A file of lines is read
    as a stream, any other is one text. One of READ_ERRORS when it cannot be read to its end."""
    with file.open("rb") as raw:
        opened = gzip.GzipFile(fileobj=raw) if file.suffix == ".gz" else raw
        with io.BufferedReader(opened) as stream:
            if has_lines(file):
                for index, line in enumerate(stream):
                    yield index, line, raw.tell()
            else:
                yield 0, stream.read(), raw.tell()


def pieces(file: Path) -> Iterator[Piece]:
    """What the file holds, ready to be sent; a file that cannot be read ends in a problem."""
    behind = 0
    try:
        for index, text, offset in texts(file):
            behind = index + 1
            yield _of_line(file, index, text, offset) if has_lines(file) else _of_document(file, text)
    except READ_ERRORS as error:
        yield Piece(file, behind, "", "problem", problem=f"cannot be read to its end: {error}")


def has_lines(file: Path) -> bool:
    """Whether each line of the file is a resource."""
    return _plain_suffix(file) in LINES


def is_xml(file: Path) -> bool:
    """Whether the file is one resource in XML."""
    return _plain_suffix(file) == XML


def _loadable(path: Path) -> bool:
    return _plain_suffix(path) in SUFFIXES


def _plain_suffix(path: Path) -> str:
    return Path(path.stem).suffix if path.suffix == ".gz" else path.suffix


def _of_line(file: Path, index: int, line: bytes, offset: int) -> Piece:
    place = f"line {index + 1}"
    body = line.strip(b" \t\r\n\xef\xbb\xbf") if index == 0 else line.strip(b" \t\r\n")
    if not body:
        return Piece(file, index, place, "blank", offset=offset)
    return _resource(file, index, place, body, offset=offset)


def _of_document(file: Path, text: bytes) -> Piece:
    body = _as_json(file, text) if is_xml(file) else text.strip(b" \t\r\n\xef\xbb\xbf")
    if isinstance(body, Piece):
        return body
    head = _head(body)
    if isinstance(head, str) or head.resourceType != "Bundle" or head.type not in SENT_WHOLE | TAKEN_APART:
        return _resource(file, 0, "", body)
    return Piece(file, 0, "", "bundle", body) if head.type in SENT_WHOLE else _unwrapped(file, body)


def _as_json(file: Path, text: bytes) -> bytes | Piece:
    """An XML document as JSON text, or the problem for which it cannot be read."""
    try:
        return json.dumps(xml.parse(text))
    except FhirError as error:
        issue = error.issues[0]
        place = "" if issue.line is None else f"line {issue.line}, column {issue.column or 1}"
        return Piece(file, 0, place, "problem", problem=f"is not a FHIR resource in XML: {issue.diagnostics}")


def _unwrapped(file: Path, body: bytes) -> Piece:
    """A wrapping as one transaction, so that references between its entries hold."""
    try:
        entries = msgspec.json.decode(body, type=Wrapping).entry
    except msgspec.MsgspecError as error:
        return Piece(file, 0, "", "problem", problem=f"is not a Bundle: {error}")
    inside = [
        _resource(file, number, f"entry {number + 1}", bytes(entry.resource), entry.fullUrl)
        for number, entry in enumerate(entries)
    ]
    wrong = next((piece for piece in inside if piece.kind == "problem"), None)
    if wrong is not None:
        return Piece(file, 0, wrong.place, "problem", problem=wrong.problem)
    return Piece(file, 0, "", "bundle", transaction(inside)) if inside else Piece(file, 0, "", "blank")


def _resource(file: Path, index: int, place: str, body: bytes, full_url: str | None = None, offset: int = 0) -> Piece:
    head = _head(body)
    if isinstance(head, str):
        return Piece(file, index, place, "problem", problem=head, offset=offset)
    key = f"{head.resourceType}/{head.id}" if head.id else None
    return Piece(file, index, place, "resource", body, key, full_url, offset=offset)


def _head(body: bytes) -> Head | str:
    try:
        head = msgspec.json.decode(body, type=Head)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return f"is not a FHIR resource in JSON: {error}"
    return head if head.resourceType else "is not a FHIR resource: resourceType is missing"


def transaction(resources: Iterable[Piece]) -> bytes:
    """A transaction that puts resources with an id where they belong and creates the others."""
    return b'{"resourceType":"Bundle","type":"transaction","entry":[' + b",".join(map(_entry, resources)) + b"]}"


def _entry(piece: Piece) -> bytes:
    method, url = ("PUT", piece.key) if piece.key else ("POST", piece.body and _head_type(piece.body))
    full_url = b'"fullUrl":' + msgspec.json.encode(piece.full_url) + b"," if piece.full_url else b""
    request = msgspec.json.encode({"method": method, "url": url})
    return b"{" + full_url + b'"resource":' + piece.body + b',"request":' + request + b"}"


def _head_type(body: bytes) -> str:
    return msgspec.json.decode(body, type=Head).resourceType
