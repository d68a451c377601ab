"""Chinese names by the character set that is declared, or by the rule of the mapping; never by guess."""

from __future__ import annotations

import io

import pytest

from countyfhir.intake.dicom.charset import Charset, UnknownCharset, charset, decoded
from countyfhir.intake.dicom.dataset import read_header
from countyfhir.intake.dicom.tree import Declared, tree
from countyfhir.intake.readers import dicom_file
from countyfhir.mapping.record import Format
from tests.dicom_objects import image

NAME = "王小东"


def named(raw: bytes, declared: Declared | None = None) -> str:
    found = tree(read_header(io.BytesIO(raw)).dataset, declared or Declared("ascii"))
    return str(found["PatientName"]["text"])


@pytest.mark.parametrize(
    "terms", ["ISO_IR 192", "GB18030", "GBK", ["", "ISO 2022 IR 58"], ["ISO 2022 IR 6", "ISO 2022 IR 58"]]
)
def test_the_declared_set_is_read(terms: str | list[str]) -> None:
    """UTF-8, GB 18030, GBK, and GB 2312 behind escape sequences."""
    assert named(image(SpecificCharacterSet=terms, PatientName="Wang^XiaoDong=王^小东")) == NAME


def test_a_rare_character_of_gb18030_is_kept() -> None:
    """㐂 is in GB 18030 only."""
    assert named(image(SpecificCharacterSet="GB18030", PatientName="㐂小东")) == "㐂小东"


def test_escape_sequences_switch_within_a_value() -> None:
    """PS3.5 annex K: ASCII, then GB 2312 behind its escape; each group of a name begins anew."""
    used = Charset("ascii", ("gb18030",))
    escaped = b"\x1b$)A"
    raw = b"Wang^XiaoDong=" + escaped + "王".encode("gb2312") + b"^" + escaped + "小东".encode("gb2312") + b"="
    assert decoded(raw, used) == "Wang^XiaoDong=王^小东="


def undeclared(encoding: str) -> bytes:
    """An object without SpecificCharacterSet whose name is in that encoding."""
    return image(SpecificCharacterSet=None, PatientName="AAAAAA", StudyDescription="CT").replace(
        b"AAAAAA", NAME.encode(encoding)[:6].ljust(6)
    )


def test_an_undeclared_set_is_what_the_mapping_says() -> None:
    """With a rule it is read by it; without one, or when the bytes are something else, the record is held back."""
    assert named(undeclared("gb18030"), Declared("gb18030")) == NAME
    with pytest.raises(UnknownCharset):
        named(undeclared("gb18030"), Declared("ascii"))
    utf8 = image(SpecificCharacterSet=None, PatientName="AAAAAAAAA", StudyDescription="CT").replace(
        b"AAAAAAAAA", NAME.encode()
    )
    with pytest.raises(UnknownCharset):
        named(utf8, Declared("gb18030"))
    assert named(utf8, Declared("utf-8")) == NAME


def test_a_wrong_declaration_is_not_believed_and_not_repaired() -> None:
    """Chinese bytes under Latin-1 are held back until the mapping says what they are; Müller stays Müller."""
    wrong = image(SpecificCharacterSet="ISO_IR 100", PatientName="AAAAAA", StudyDescription="CT").replace(
        b"AAAAAA", NAME.encode("gb18030")
    )
    assert dicom_file.record_of(1, wrong, Format("dicom", "*", ())).problem == "charset"
    assert named(wrong, Declared("ascii", {"ISO_IR 100": "gb18030"})) == NAME
    assert (
        named(image(SpecificCharacterSet="ISO_IR 100", PatientName="Müller^José", StudyDescription="CT"))
        == "Müller José"
    )


def test_an_unknown_term_is_refused() -> None:
    """A set that the standard does not define."""
    with pytest.raises(UnknownCharset):
        charset(["ISO_IR 999"], "ascii", {})
