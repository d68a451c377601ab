"""HL7 v2 messages become trees as chapter 2 of the standard says: separators, repetitions, escapes, character sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countyfhir import fhirpath
from countyfhir.intake.hl7.message import NotHl7, read_message

HEAD = b"MSH|^~\\&|LIS|LAB|PLATFORM|COUNTY|20250301093000||ORU^R01|77|P|2.4\r"


def found(raw: bytes, expression: str, default: str = "gb18030") -> list[object]:
    return [item.value for item in fhirpath.compile(expression, "Record")(read_message(raw, default))]


def test_fields_repetitions_components_and_subcomponents() -> None:
    """PID.f3 are the repetitions; a component's second subcomponent is c1s2; blanks are absent, and a field
    that is emptied ("") says so and has no component."""
    raw = HEAD + b'PID|1||30066^^^Q&2.16&ISO^PI~3705^^^^SFZH|""|A^B||""\r'
    assert found(raw, "PID.f3.where(c5 = 'SFZH').c1") == ["3705"]
    assert found(raw, "PID.f3.c4 | PID.f3.c4s2 | PID.f3.c4s3") == ["Q", "2.16", "ISO"]
    assert found(raw, "PID.f4.c1 | PID.f6 | PID.f7.c1") == []
    assert found(raw, "PID.f4.cleared.exists() | PID.f5.cleared.exists()") == [True, False]
    assert found(raw, "MSH.f2.c1 | MSH.f9.c2 | MSH.f10.c1 | MSH.f12.c1") == ["^~\\&", "R01", "77", "2.4"]


def test_other_separators_are_those_that_the_message_declares() -> None:
    """MSH-1 and MSH-2 decide."""
    raw = b"MSH$*!/+$A$B$C$D$1$$ADT*A04$5$P$2.3\rPID$1$$1*x!2*y\r"
    assert found(raw, "PID.f3.c2") == ["x", "y"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"\T\ \F\ \S\ \R\ \E\ ", "& | ^ ~ \\ "),
        (r"10\S\9", "10^9"),
        (r"one\.br\two", "one\ntwo"),
        (r"\H\bold\N\ ", "bold "),
        (r"\XD5C5\X", "张X"),
        (r"\XD5C5\ ", "张 "),
        (r"\Zabc\ stays", r"\Zabc\ stays"),
        (r"a \ b", r"a \ b"),
    ],
)
def test_escape_sequences(written: str, meant: str) -> None:
    """Section 2.7; what is not known stays as it is."""
    assert found(HEAD + f"OBX|1|ST|X||{written}\r".encode(), "OBX.f5.c1") == [meant]


def test_segments_stand_inside_those_they_belong_to() -> None:
    """ORC, OBX and NTE in their OBR, NTE in its OBX, MRG in its PID; a visit's DG1 at the top."""
    raw = (
        HEAD + b"PID|1\rMRG|9\rPV1|1|I\rDG1|1\rORC|NW|A\rOBR|1|A\rNTE|1||order\rOBX|1|NM|K||5\rNTE|1||result\r"
        b"OBX|2|NM|NA||140\rORC|NW|B\rOBR|2|B\rOBX|1|NM|GLU||6\rZXX|own\r"
    )
    assert found(raw, "PID.MRG.f1.c1") == ["9"]
    assert found(raw, "OBR.ORC.f2.c1") == ["A", "B"]
    assert found(raw, "OBR.where(f2.c1 = 'A').OBX.f5.c1") == ["5", "140"]
    assert found(raw, "OBR.NTE.f3.c1 | OBR.OBX.NTE.f3.c1") == ["order", "result"]
    assert found(raw, "DG1.f1.c1 | ZXX.f1.c1") == ["1", "own"]


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("UNICODE UTF-8", "utf-8"),
        ("UNICODE", "utf-8"),
        ("GB 18030-2000", "gb18030"),
        ("gbk", "gb18030"),
        ("", "gb18030"),
        ("ASCII~UNICODE UTF-8", "ascii"),
    ],
)
def test_the_character_set_is_that_of_msh_18_or_the_mapping(declared: str, codec: str) -> None:
    """The first of MSH-18; without one the declared encoding."""
    name = "Wang" if codec == "ascii" else "王㙍"
    raw = HEAD.rstrip(b"\r") + f"||||||{declared}\rPID|1||||{name}\r".encode(codec)
    assert found(raw, "PID.f5.c1") == [name]


def test_a_character_set_is_never_guessed() -> None:
    """UTF-8 that nothing declares, an unknown name, bytes that are not what is declared."""
    with pytest.raises(UnicodeDecodeError):
        read_message(HEAD + "PID|1||||王\r".encode(), "gb18030")
    with pytest.raises(LookupError, match="EBCDIC"):
        read_message(HEAD.rstrip(b"\r") + b"||||||EBCDIC\r", "gb18030")
    with pytest.raises(UnicodeDecodeError):
        read_message(HEAD + b"PID|1||||\xff\xff\r", "gb18030")


@pytest.mark.parametrize("raw", [b"", b"PID|1", b"MSH", b"MSHA^~\\&", b"GET / HTTP/1.1\r\n"])
def test_what_is_no_message_is_said(raw: bytes) -> None:
    """NotHl7, before anything is read."""
    with pytest.raises(NotHl7):
        read_message(raw, "gb18030")


@given(st.binary(max_size=300))
def test_no_bytes_make_anything_but_the_declared_errors(tail: bytes) -> None:
    """Whatever comes after the header."""
    try:
        read_message(HEAD + tail, "gb18030")
    except (NotHl7, UnicodeDecodeError, LookupError):
        return


def test_a_second_msh_is_another_message() -> None:
    """Two in one are none: the first must not hide the second."""
    with pytest.raises(NotHl7):
        read_message(HEAD + b"PID|1||1\r" + HEAD + b"PID|1||2\r", "utf-8")


def test_what_stands_between_orc_and_obr_is_of_that_order() -> None:
    """TQ1 and NTE after the second ORC belong to the second order, not to the OBR or OBX before it."""
    raw = (
        HEAD
        + b"ORC|NW|1\rTQ1|1||||||20250301||S\rOBR|1|1\rOBX|1|ST|a\rORC|NW|2\rTQ1|1||||||20250302||R\r"
        + b"NTE|1||n\rOBR|2|2\r"
    )
    assert found(raw, "OBR.ORC.TQ1.f9.c1") == ["S", "R"]
    assert found(raw, "OBR.where(f2.c1 = '2').ORC.NTE.f3.c1") == ["n"]
    assert found(raw, "OBR.where(f2.c1 = '1').OBX.NTE | OBR.where(f2.c1 = '1').TQ1 | TQ1") == []


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b"a\\.sp 2\\b", "a\n\nb"),
        (b"a\\.sp+1\\b", "a\nb"),
        (b"\\.in+4\\a\\.ti-2\\b\\.fi\\", "ab"),
        (b"a\\.xx\\b", "a\\.xx\\b"),
    ],
)
def test_commands_that_lay_text_out_are_no_text(written: bytes, meant: str) -> None:
    """Line ends stay, the rest goes; what is no command stays (section 2.7.6)."""
    assert found(HEAD + b"OBX|1|FT|x||" + written + b"\r", "OBX.f5.c1") == [meant]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("GB 18030", "gb18030"),
        ("GB18030-2022", "gb18030"),
        ("CP936", "gb18030"),
        ("EUC-CN", "gb18030"),
        ("unicode_utf-8", "utf-8"),
        ("~UNICODE UTF-8", "utf-8"),
    ],
)
def test_character_sets_are_known_in_many_spellings(name: str, codec: str) -> None:
    """Blanks, dashes and case of MSH-18 say nothing."""
    raw = f"MSH|^~\\&|A|B|C|D|1||ADT^A04|5|P|2.3||||||{name}\rPID|1||1||王^小\r".encode(codec)
    assert found(raw, "PID.f5.c1", "latin-1") == ["王"]
