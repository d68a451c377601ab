"""Files that are one document each: ECG recordings and PDF reports."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from countyfhir.intake.ecg.aecg import read_aecg
from countyfhir.intake.ecg.muse import read_muse
from countyfhir.intake.ecg.recording import Damaged
from countyfhir.intake.ecg.scp import read_scp
from countyfhir.intake.readers.text_codecs import CODECS
from countyfhir.intake.reading import FileFacts, Reader, Record, file_digest, names
from countyfhir.mapping.record import Format

LARGEST = 64 << 20
"""Bytes of a document."""
KEPT = 1 << 20
"""Bytes that the quarantine keeps of a larger file."""
PDF = b"%PDF-"
Read = Callable[[bytes, Format], dict[str, Any]]


def aecg(raw: bytes, declared: Format) -> dict[str, Any]:
    return read_aecg(raw, CODECS[declared.encoding] if declared.forced else None)


def muse(raw: bytes, declared: Format) -> dict[str, Any]:
    return read_muse(raw, CODECS[declared.encoding] if declared.forced else None)


def scp(raw: bytes, declared: Format) -> dict[str, Any]:
    return read_scp(raw, CODECS[declared.encoding])


def pdf(raw: bytes, declared: Format) -> dict[str, Any]:
    """A report that is only paper: ``DATA`` (base64), ``SIZE``, ``SHA1`` (base64, as Attachment.hash wants it)."""
    if PDF not in raw[:1024]:
        raise Damaged("not-pdf", "the file does not begin as a PDF does")
    return {
        "DATA": base64.b64encode(raw).decode("ascii"),
        "SIZE": len(raw),
        "SHA1": base64.b64encode(hashlib.sha1(raw, usedforsecurity=False).digest()).decode("ascii"),
    }


def inspect(path: Path, declared: Format) -> FileFacts:
    """Digest and one record; what cannot be read becomes a quarantined record."""
    return FileFacts(file_digest(path), 1)


def reader(read: Read) -> Reader:
    """The reader of a kind of document; each is one record, with ``FILE`` and ``STEM``."""

    def records(path: Path, declared: Format) -> Iterator[Record]:
        if path.stat().st_size > LARGEST:
            with path.open("rb") as stream:
                yield Record(1, {}, "document-too-large", source=stream.read(KEPT))
            return
        found = record_of(1, path.read_bytes(), declared)
        found.row.update(names(path))
        yield found

    def record_of(number: int, raw: bytes, declared: Format) -> Record:
        try:
            return Record(number, read(raw, declared), source=raw)
        except Damaged as error:
            return Record(number, {}, error.code, source=raw)

    return Reader(inspect, records, record_of)


AECG, MUSE, SCP, PDFS = (reader(read) for read in (aecg, muse, scp, pdf))
