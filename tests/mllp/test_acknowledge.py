"""What an acknowledgement says, version by version and mode by mode (HL7 v2.5.1 chapter 2)."""

from __future__ import annotations

import pytest

from countyfhir.mllp.acknowledge import Notice, Verdict, answers, notices, refusal
from countyfhir.mllp.header import Header, read_header

from .conftest import adt, segments

GOOD = Verdict("AA", "stored", (Notice("102", "a | b", ("PID", "7"), "W", "M07"),))
BAD = Verdict("AE", "later", (Notice("207", "busy"),))


def header(**given: str) -> Header:
    return read_header(adt("7", **given), "gb18030")


def codes(verdict: Verdict, **given: str) -> list[str]:
    return [segments(one)[1][1] for one in answers(header(**given), verdict, "2025", "A")]


def test_original_mode() -> None:
    """One answer: sender and receiver swapped, control id, processing id, version and character set those of the
    message."""
    (sent,) = answers(header(), GOOD, "20250101", "A1")
    msh, msa, err = segments(sent)
    assert msh[2:6] == ["COUNTY", "平台", "LIS", "检验科"]
    assert (msh[8], msh[9], msh[10], msh[11], msh[17]) == ("ACK^A08^ACK", "A1", "P", "2.4", "UNICODE UTF-8")
    assert msa == ["MSA", "AA", "7", "stored"]
    assert err == ["ERR", "PID^1^7^102&Data type error&HL70357"]


def test_the_error_segment_of_later_versions() -> None:
    """From 2.5 on: place, code, severity, our own code, what it means, with separators escaped."""
    (sent,) = answers(header(version="2.5.1"), GOOD, "2025", "A1")
    assert segments(sent)[2][2:] == [
        "PID^1^7", "102^Data type error^HL70357", "W", "M07^^COUNTYFHIR", "", "a \\F\\ b"
    ]  # fmt: skip


def test_the_message_type_of_2_3_has_no_structure() -> None:
    (sent,) = answers(header(version="2.3"), GOOD, "2025", "A1")
    assert segments(sent)[0][8] == "ACK^A08"


@pytest.mark.parametrize(
    ("accept", "application", "when_good", "when_bad"),
    [
        ("", "", ["AA"], ["AE"]),
        ("AL", "AL", ["CA", "AA"], ["CE"]),
        ("AL", "NE", ["CA"], ["CE"]),
        ("AL", "", ["CA"], ["CE"]),
        ("NE", "AL", ["AA"], ["AE"]),
        ("NE", "NE", [], []),
        ("ER", "AL", ["AA"], ["CE"]),
        ("SU", "SU", ["CA", "AA"], []),
        ("ER", "ER", [], ["CE"]),
        ("", "AL", ["AA"], ["AE"]),
    ],
)
def test_enhanced_mode(accept: str, application: str, when_good: list[str], when_bad: list[str]) -> None:
    """The accept acknowledgement first, the application's after it, each as MSH-15 and MSH-16 want it; a failure is
    told by the application acknowledgement where no accept acknowledgement is wanted."""
    assert codes(GOOD, accept=accept, application=application) == when_good
    assert codes(BAD, accept=accept, application=application) == when_bad


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"version": "2.2"}, "203"),
        ({"version": "2.6"}, "203"),
        ({"processing": "X"}, "202"),
        ({"processing": "T"}, "202"),
    ],
)
def test_what_is_refused_for_good(given: dict[str, str], code: str) -> None:
    """Unknown versions and processing ids; CR in enhanced mode."""
    verdict = refusal(header(**given), ("P",))
    assert verdict is not None
    assert (verdict.code, verdict.notices[0].condition) == ("AR", code)
    assert codes(verdict, accept="AL", **given) == ["CR"]
    assert refusal(header(), ("P",)) is None


def test_versions_with_further_components_are_known() -> None:
    """2.4^CHN is 2.4."""
    assert refusal(header(version="2.4^CHN"), ("P",)) is None


def test_a_text_whose_bytes_look_like_separators() -> None:
    """In GB 18030 the second byte of a character may be that of | or ^; the header is read as text."""
    message = adt("7", charset="").replace("检验科".encode("gb18030"), "医倈".encode("gb18030"))
    assert b"\x7c" in "倈".encode("gb18030")
    read = read_header(message, "gb18030")
    assert (read.field(4), read.field(10)) == ("医倈", "7")
    (sent,) = answers(read, GOOD, "2025", "A")
    assert segments(sent, "gb18030")[0][5] == "医倈"


def test_warnings_say_where_and_leave_out_what_was_done() -> None:
    """An unreadable character set is MSH-18's, an unknown event MSH-9's; a cancellation that was followed
    is no warning."""
    places = [one.place for one in notices("quarantined", [{"code": "charset"}, {"code": "no-mapping"}])]
    assert places == [("MSH", "18"), ("MSH", "9")]
    assert notices("stored", [{"code": "M35d"}]) == ()
    assert len(notices("rejected", [{"code": "M35d"}])) == 1
