"""Files of one CDA R2 document each: the document is the record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from countyfhir.intake.cda.document import NotCda, read_document
from countyfhir.intake.readers.text_codecs import CODECS
from countyfhir.intake.reading import FileFacts, Record, file_digest
from countyfhir.mapping.record import Format

LARGEST = 64 << 20
"""Bytes; a larger file is no document."""


def inspect(path: Path, declared: Format) -> FileFacts:
    """Digest and one record; ``problem`` when the file is no CDA document in the encoding it states."""
    digest = file_digest(path)
    if path.stat().st_size > LARGEST:
        return FileFacts(digest, 1, f"the file is larger than {LARGEST >> 20} MiB, which no document is")
    try:
        read_document(path.read_bytes(), encoding_of(declared))
    except NotCda as error:
        return FileFacts(digest, 1, str(error))
    return FileFacts(digest, 1)


def records(path: Path, declared: Format) -> Iterator[Record]:
    """The document."""
    yield record_of(1, path.read_bytes(), declared)


def record_of(number: int, raw: bytes, declared: Format) -> Record:
    """The record of one document; one that cannot be read has the problem ``not-cda``."""
    try:
        return Record(number, read_document(raw, encoding_of(declared)), source=raw)
    except NotCda:
        return Record(number, {}, "not-cda", source=raw)


def encoding_of(declared: Format) -> str | None:
    """The encoding that wins over the document's own statement."""
    return CODECS[declared.encoding] if declared.forced else None
