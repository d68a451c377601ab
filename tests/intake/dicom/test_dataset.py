"""Headers of DICOM files: read without their pixels, and refused with a clear code when they are damaged."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest

from countyfhir.intake.dicom import dataset
from countyfhir.intake.dicom.dataset import NotDicom, read_header
from countyfhir.intake.dicom.tree import Declared, tree
from countyfhir.intake.readers import dicom_file
from countyfhir.intake.readers.formats import READERS
from countyfhir.mapping.record import Format
from tests.dicom_objects import deflated, image

ASKED = Format("dicom", "*", (), encoding="ascii")


def code(raw: bytes) -> str | None:
    return dicom_file.record_of(1, raw, ASKED).problem


def test_pixels_stay_in_the_file(tmp_path: Path) -> None:
    """The elements before them are there, the record's bytes end where they begin, and read again they say the same."""
    raw = image()
    path = tmp_path / "IM0001"
    path.write_bytes(raw)
    (record,) = READERS["dicom"].records(path, ASKED)
    assert (record.problem, record.row["PatientName"]["text"], record.row["FILE"]) == (None, "王小东", "IM0001")
    assert "PixelData" not in record.row
    assert raw.startswith(record.source)
    assert len(record.source) < len(raw) - 16
    again = dicom_file.record_of(1, record.source, ASKED)
    assert again.row | {"FILE": "IM0001", "STEM": "IM0001"} == record.row


def test_every_way_of_writing_elements_is_read() -> None:
    """Implicit, big endian and compressed data sets say what the plain one says."""
    plain = tree(read_header(io.BytesIO(image())).dataset, Declared("ascii"))
    for syntax in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"):
        assert tree(read_header(io.BytesIO(image(syntax=syntax))).dataset, Declared("ascii")) == plain


def test_a_file_cut_anywhere_is_truncated_or_no_dicom_and_never_a_crash() -> None:
    """Cut within an element or the pixels it is refused; cut between two elements it is a shorter header."""
    raw = image()
    found = {length: code(raw[:length]) for length in range(len(raw))}
    assert set(found.values()) <= {"truncated", "not-dicom", None}
    assert {found[length] for length in range(132)} == {"not-dicom"}
    assert {found[len(raw) - left] for left in range(1, 17)} == {"truncated"}
    assert list(found.values()).count(None) < 45


@pytest.mark.parametrize("place", range(140, 700, 7))
def test_flipped_bytes_never_crash(place: int) -> None:
    """Whatever a byte becomes, the record is read or has one of the known problems."""
    raw = bytearray(image())
    for value in (0x00, 0x7F, 0xFF):
        raw[place] = value
        assert code(bytes(raw)) in {None, "not-dicom", "truncated", "charset", "dicom-too-large"}


def test_what_has_no_magic_is_no_dicom() -> None:
    """Text, nothing, and a preamble with something else behind it."""
    assert [code(raw) for raw in (b"", b"\0" * 200, b"hello", b"\0" * 128 + b"DICX")] == ["not-dicom"] * 4


def test_a_header_without_end_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """An element that claims more than a header holds, and a compressed data set that unfolds to more, are not read."""
    monkeypatch.setattr(dataset, "LARGEST_HEADER", 4096)
    assert code(image(ImageComments="x" * 8000)) == "dicom-too-large"
    assert code(deflated(ImageComments="x" * 8000)) == "dicom-too-large"
    assert code(deflated()) is None


def test_a_compressed_data_set_that_ends_early_is_truncated() -> None:
    """Half of its bytes."""
    raw = deflated(ImageComments="".join(map(str, range(500))))
    assert code(raw[:-40]) == "truncated"


def test_a_length_beyond_the_file_is_truncated() -> None:
    """An element of 4 GB in a small file is not waited for."""
    raw = image()[: 128 + 4] + b"\x02\x00\x00\x00UL\x04\x00" + struct.pack("<I", 0)
    assert code(raw + b"\x08\x00\x05\x00UT\x00\x00" + struct.pack("<I", 0xFFFFFFF0) + b"x") == "truncated"


def test_the_limit_of_unfolding_holds_before_memory_is_used() -> None:
    """A compressed data set of zeros stops at the limit."""
    packing = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = packing.compress(b"\0" * (dataset.LARGEST_HEADER + 10)) + packing.flush()
    raw = deflated()
    start = dataset.meta_end(raw)
    with pytest.raises(NotDicom) as refused:
        read_header(io.BytesIO(raw[:start] + bomb))
    assert refused.value.code == "dicom-too-large"
