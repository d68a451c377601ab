"""DICOM files: one object is one record; headers only, the pixels stay where they are."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from countyfhir.intake.dicom.charset import UnknownCharset
from countyfhir.intake.dicom.dataset import LARGEST_HEADER, NotDicom, quietly, read_header
from countyfhir.intake.dicom.report import items, name_of
from countyfhir.intake.dicom.tree import Declared, tree
from countyfhir.intake.dicom.waveform import waveforms
from countyfhir.intake.ecg.recording import Damaged
from countyfhir.intake.reading import FileFacts, Record, file_digest, names
from countyfhir.mapping.record import Format

KEPT = 1 << 20
"""Bytes that the quarantine keeps of a file that is no DICOM object."""


def inspect(path: Path, declared: Format) -> FileFacts:
    """Digest and one record; a file that cannot be read becomes a quarantined record."""
    return FileFacts(file_digest(path), 1)


def records(path: Path, declared: Format) -> Iterator[Record]:
    """The object: elements by keyword, ``waveforms`` with their leads, ``items`` and ``title`` of a structured
    report, ``FILE``."""
    with path.open("rb") as stream:
        found = read(1, stream, declared)
    found.row.update(names(path))
    yield found


def record_of(number: int, raw: bytes, declared: Format) -> Record:
    """The record of the header that the quarantine kept."""
    return read(number, io.BytesIO(raw), declared)


def read(number: int, stream: BinaryIO, declared: Format) -> Record:
    source = b""
    try:
        header = read_header(stream, declared.pixels)
        source = header.source
        made = tree(header.dataset, Declared(declared.encoding, dict(declared.charsets)))
        with quietly():
            made["waveforms"] = waveforms(header.dataset)
            if declared.pixels and "PixelData" in header.dataset:
                made["PixelData"] = base64.b64encode(header.dataset.PixelData).decode("ascii")
        made["items"] = items(made)
        made["title"] = name_of(made)
        return Record(number, made, source=source)
    except (NotDicom, Damaged) as error:
        return Record(number, {}, error.code, source=source or head(stream))
    except UnknownCharset:
        return Record(number, {}, "charset", source=source)
    except Exception:  # noqa: BLE001 - wherever a damaged value makes the library stumble
        return Record(number, {}, "not-dicom", source=source or head(stream))


def head(stream: BinaryIO) -> bytes:
    stream.seek(0)
    return stream.read(min(KEPT, LARGEST_HEADER))
