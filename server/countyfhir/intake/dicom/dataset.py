"""The header of a DICOM file, within limits and without its pixels (DICOM PS3.10 section 7, PS3.5 section 7)."""

from __future__ import annotations

import io
import logging
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MAGIC_PLACE = 128
MAGIC = b"DICM"
META_PLACE = MAGIC_PLACE + len(MAGIC)
TRANSFER_SYNTAX = b"\x02\x00\x10\x00UI"
DEFLATED = b"1.2.840.10008.1.2.1.99"
PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
UNDEFINED = 0xFFFFFFFF
LAST_ITEM = b"\xfe\xff\xdd\xe0"
TAIL = 64 << 10
LARGEST_HEADER = 64 << 20
"""Bytes that are read of one file before its pixels; more is no header."""
MOST_ELEMENTS = 200_000


class NotDicom(ValueError):
    """The file is no DICOM object that can be read; ``code`` is the issue, the message says why."""

    def __init__(self, code: str, why: str) -> None:
        self.code = code
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Header:
    """The elements of an object, and the bytes of the file that hold them."""

    dataset: Dataset
    source: bytes


class Limited(io.RawIOBase):
    """A stream that gives up where the file ends within an element, and where more is read than a header holds."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        super().__init__()
        self.stream, self.left = stream, limit
        self.size = stream.seek(0, io.SEEK_END)
        stream.seek(0)

    def read(self, size: int = -1) -> bytes:
        there = self.size - self.stream.tell()
        if there <= 0:
            return b""
        if size > there:
            raise NotDicom("truncated", "the file ends within an element")
        if size < 0 or size > self.left:
            raise NotDicom("dicom-too-large", "the header is larger than one may be")
        self.left -= size
        return self.stream.read(size)

    def seek(self, place: int, whence: int = 0) -> int:
        return self.stream.seek(place, whence)

    def tell(self) -> int:
        return self.stream.tell()


@contextmanager
def quietly() -> Iterator[None]:
    """What the library has to say about odd values would show them: nothing of it reaches a log."""
    logger = logging.getLogger("pydicom")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def read_header(stream: BinaryIO, pixels: bool = False) -> Header:
    """The elements before the pixels (with ``pixels`` these too). NotDicom with ``not-dicom`` (no magic, or nothing
    that can be read), ``truncated`` or ``dicom-too-large``, whatever the file holds."""
    stream.seek(MAGIC_PLACE)
    if stream.read(len(MAGIC)) != MAGIC:
        raise NotDicom("not-dicom", "the file has no DICOM preamble")
    with quietly():
        try:
            return deflated_header(stream) if is_deflated(stream) else plain_header(stream, pixels)
        except NotDicom:
            raise
        except EOFError as error:
            raise NotDicom("truncated", "the file ends within an element") from error
        except Exception as error:  # whatever a damaged file makes the library stumble over is one answer
            raise NotDicom("not-dicom", f"the elements cannot be read ({type(error).__name__})") from error


def plain_header(stream: BinaryIO, pixels: bool) -> Header:
    from pydicom.filereader import read_partial

    limited: Any = Limited(stream, LARGEST_HEADER if not pixels else 1 << 40)
    dataset = read_partial(limited, stop_when=stopping(pixels))
    end = stream.tell()
    check_pixels(stream, end, limited.size, explicit=not dataset.original_encoding[0])
    stream.seek(0)
    return Header(whole(dataset), stream.read(min(end, LARGEST_HEADER)))


def deflated_header(stream: BinaryIO) -> Header:
    """An object whose data set is compressed (PS3.5 annex A.5), to a limited size."""
    from pydicom.filereader import read_dataset

    stream.seek(0)
    source = stream.read(LARGEST_HEADER + 1)
    if len(source) > LARGEST_HEADER:
        raise NotDicom("dicom-too-large", "a compressed data set is larger than one may be")
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    plain = inflating.decompress(source[meta_end(source) :], LARGEST_HEADER)
    if inflating.unconsumed_tail or len(plain) >= LARGEST_HEADER:
        raise NotDicom("dicom-too-large", "a compressed data set unfolds to more than one may hold")
    if not inflating.eof:
        raise NotDicom("truncated", "the compressed data set ends early")
    limited: Any = Limited(io.BytesIO(plain), LARGEST_HEADER)
    return Header(whole(read_dataset(limited, False, True, stop_when=stopping(False))), source)


def stopping(pixels: bool) -> Any:
    """Where reading ends: at the pixels, or when there are more elements than any object has."""
    seen = 0

    def stop(tag: int, vr: str | None, length: int) -> bool:
        nonlocal seen
        seen += 1
        if seen > MOST_ELEMENTS:
            raise NotDicom("dicom-too-large", "the object has more elements than one may have")
        return not pixels and int(tag) in PIXELS

    return stop


def is_deflated(stream: BinaryIO) -> bool:
    stream.seek(0)
    head = stream.read(1024)
    place = head.find(TRANSFER_SYNTAX, META_PLACE)
    if place < 0:
        return False
    length = int.from_bytes(head[place + 6 : place + 8], "little")
    return head[place + 8 : place + 8 + length].rstrip(b"\0 ") == DEFLATED


def meta_end(source: bytes) -> int:
    """Where the data set begins: after group 0002, whose first element says how long it is."""
    if source[META_PLACE : META_PLACE + 6] != b"\x02\x00\x00\x00UL":
        raise NotDicom("not-dicom", "the file does not say how long its group 0002 is")
    return META_PLACE + 12 + int.from_bytes(source[META_PLACE + 8 : META_PLACE + 12], "little")


def whole(dataset: Dataset) -> Dataset:
    """The data set, when every value is as long as it says."""
    for tag in list(dataset.keys()):
        item: Any = dataset.get_item(tag, keep_deferred=True)
        length, value = getattr(item, "length", 0), item.value
        there = len(value) if isinstance(value, bytes) else 0 if value is None else length
        if length != UNDEFINED and there < length:
            raise NotDicom("truncated", "the file ends within an element")
    return dataset


def check_pixels(stream: BinaryIO, place: int, size: int, explicit: bool) -> None:
    """Whether the pixels that begin at ``place`` are there to their end; they are not read."""
    stream.seek(place)
    head = stream.read(12)
    if len(head) < 8:
        if head:
            raise NotDicom("truncated", "the file ends within an element")
        return
    length = int.from_bytes(head[8:12] if explicit else head[4:8], "little")
    if length != UNDEFINED:
        if place + (12 if explicit else 8) + length > size:
            raise NotDicom("truncated", "the file ends within its pixels")
        return
    stream.seek(max(place, size - TAIL))
    if LAST_ITEM not in stream.read(TAIL):
        raise NotDicom("truncated", "the file ends within its pixels")
