"""Bytes cut into frames, however they come."""

from __future__ import annotations

import pytest

from countyfhir.mllp.frames import Frames, framed


def test_frames_come_whole_whatever_the_pieces() -> None:
    """Byte by byte or all at once, several in one piece, the CR after FS absent or a line feed."""
    stream = framed(b"one") + b"\x0btwo\x1c" + b"\x0bthree\x1c\n" + framed(b"")
    for size in (1, 2, 5, len(stream)):
        frames = Frames(100)
        found = [one for at in range(0, len(stream), size) for one in frames.feed(stream[at : at + size])]
        assert [one.content for one in found] == [b"one", b"two", b"three", b""]
        assert not frames.begun


def test_a_frame_beyond_the_limit_is_cut_and_told() -> None:
    """Its first bytes are kept; the frame after it is whole."""
    found = Frames(10).feed(framed(b"x" * 1000) + framed(b"short"))
    assert [(one.content, one.too_long) for one in found] == [(b"x" * 10, True), (b"short", False)]


def test_a_frame_that_begins_anew_is_the_later_one() -> None:
    """What its sender gave up is not joined to it."""
    assert [one.content for one in Frames(100).feed(b"\x0bhalf\x0bwhole\x1c\r")] == [b"whole"]


@pytest.mark.parametrize(("data", "stray"), [(b"GET / HTTP/1.1\r\n", 14), (b"\r\n\x00 ", 0), (b"\x1c\r\x1c", 0)])
def test_bytes_outside_frames_are_counted(data: bytes, stray: int) -> None:
    """Line ends and blanks between frames say nothing, and an end without a beginning is no frame."""
    frames = Frames(100)
    assert frames.feed(data) == []
    assert frames.stray == stray
