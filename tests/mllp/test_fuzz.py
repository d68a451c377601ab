"""Whatever comes over the line, every whole message is answered or the connection ends, and the next one is served."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from countyfhir.intake.hl7.message import NotHl7
from countyfhir.mllp.acknowledge import Notice, Verdict, answers, refusal
from countyfhir.mllp.frames import Frames
from countyfhir.mllp.header import read_header

from .fuzz import run


def test_the_listener_survives_noise_and_broken_messages(tmp_path: Path) -> None:
    """No fault of ours, no connection and no task left over."""
    told = asyncio.run(run(240, 7, tmp_path))
    assert (told["failures"], told["left"], told["open"]) == (0, 0, 0)
    assert told["answers"]["AA"] >= 30
    assert told["answers"]["AR"] > 10


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_frames_hold_no_more_than_their_limit(pieces: list[bytes]) -> None:
    """Any bytes in any pieces."""
    frames = Frames(20)
    for piece in pieces:
        assert all(len(one.content) <= 20 for one in frames.feed(piece))
        assert len(frames.held) <= 20


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_every_header_is_read_or_refused_and_can_be_answered(tail: bytes) -> None:
    """What begins with MSH gets an answer that a receiver can frame."""
    raw = b"MSH" + tail
    try:
        header = read_header(raw, "gb18030")
    except NotHl7:
        return
    verdict = refusal(header, ("P",)) or Verdict("AA", "x", (Notice("102", "y", ("PID", "3"), "W", "M07"),))
    for one in answers(header, verdict, "2025", "1"):
        assert one.startswith(b"MSH")
        assert one.count(b"\r") >= 2
