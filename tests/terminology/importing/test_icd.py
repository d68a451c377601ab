"""The hierarchy of ICD lists stands in their codes, and is put above them."""

from __future__ import annotations

from pathlib import Path

import pytest

from countyfhir.terminology.importing.icd import ICD9, ICD10, above_diagnosis, above_procedure, chapter_of
from countyfhir.terminology.knowledge import Terminology
from tests.terminology.importing.conftest import BringIn

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
SYSTEM = "https://fhir.county-hc.example/cs/icd10-nhsa"
LIST = """code,display
I10.x00x002,高血压
I10.x00x016,白大衣高血压
I10.x09,原发性高血压
I15.900,继发性高血压
E11.300x011+H36.0*,2型糖尿病性视网膜病变
E11.900,2型糖尿病
"""


@pytest.fixture
def icd10(imported: BringIn, tmp_path: Path) -> None:
    """A short list."""
    (tmp_path / "icd.csv").write_text(LIST, "utf-8")
    (written,) = imported(tmp_path / "icd.csv", version="2.0")
    assert (written.url, written.version, written.repeated) == (SYSTEM, "2.0", 0)


@pytest.mark.parametrize(
    ("code", "parents"),
    [
        ("A00.100x001", ["A00.100"]),
        ("A00.100", ["A00.1"]),
        ("A00.1", ["A00"]),
        ("A00", ["A00-B99"]),
        ("A00-B99", []),
        ("I10.x00x002", ["I10.x00"]),
        ("I10.x00", ["I10"]),
        ("E11.300x011+H36.0*", ["E11.300x011", "H36.0*"]),
        ("H36.0*", ["H36.0"]),
        ("A01.002+G01*", ["A01.002", "G01*"]),
        ("G01*", ["G01"]),
        ("T98", ["S00-T98"]),
        ("U07.100", ["U07.1"]),
    ],
)
def test_what_stands_above_a_diagnosis(code: str, parents: list[str]) -> None:
    """Chapter, category, subcategory, national code, extension; dual codes stand below both of their parts."""
    assert above_diagnosis(code) == parents


@pytest.mark.parametrize(
    ("code", "parents"),
    [
        ("00.0200x001", ["00.0200"]),
        ("00.0200", ["00.02"]),
        ("00.02", ["00.0"]),
        ("00.0", ["00"]),
        ("00", []),
        ("06.2x00x001", ["06.2x00"]),
        ("06.2x00", ["06.2"]),
    ],
)
def test_what_stands_above_a_procedure(code: str, parents: list[str]) -> None:
    """Two, three and four digits, national code, extension."""
    assert above_procedure(code) == parents


def test_chapters_have_no_gap_that_is_guessed() -> None:
    """A category between two chapters belongs to none."""
    assert chapter_of("D48") == ["C00-D48"]
    assert chapter_of("D49") == []


@pytest.mark.usefixtures("icd10")
def test_a_category_finds_its_codes(terminology: Terminology) -> None:
    """Also those with a trailing x; another category's are not found."""
    assert terminology.below(SYSTEM, "I10") == {"I10", "I10.x00", "I10.x00x002", "I10.x00x016", "I10.x09"}
    assert terminology.subsumes(SYSTEM, "I10", "I15.900") == "not-subsumed"


@pytest.mark.usefixtures("icd10")
def test_a_dual_code_is_found_by_either_part(terminology: Terminology) -> None:
    """Dagger and asterisk, the asterisk with and without its sign."""
    dual = "E11.300x011+H36.0*"
    assert [terminology.subsumes(SYSTEM, part, dual) for part in ("E11", "E11.3", "H36", "H36.0*", "H00-H59")] == [
        "subsumes"
    ] * 5
    assert terminology.subsumes(SYSTEM, "E11.9", dual) == "not-subsumed"


@pytest.mark.usefixtures("icd10")
def test_legacy_upper_case_is_the_same_code(terminology: Terminology) -> None:
    """The list is not case-sensitive: ``I10.X00X002`` is ``I10.x00x002``."""
    assert terminology.knows_code(SYSTEM, "I10.X00X002")
    assert terminology.display_matches(SYSTEM, "I10.X00X002", "高血压")


@pytest.mark.usefixtures("icd10")
def test_categories_are_not_to_be_chosen(terminology: Terminology) -> None:
    """What the list lacks is abstract; a chapter has its name."""
    found = terminology.resolver.code_system(SYSTEM)
    assert found is not None
    assert found.concept("I10").abstract
    assert not found.concept("I10.x09").abstract
    assert found.concept("I00-I99").display == "循环系统疾病"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the county's lists are not beside this checkout")
@pytest.mark.parametrize(("name", "form"), [("icd10-nhsa.csv", ICD10), ("icd9cm3-nhsa.csv", ICD9)])
def test_the_form_fits_the_national_lists(name: str, form: object) -> None:
    """All but a handful of the codes have the form from which the hierarchy is read."""
    codes = [line.split(",")[0] for line in (SHARED / name).read_text("utf-8-sig").splitlines()[1:]]
    assert sum(not form.match(code) for code in codes) <= 13  # type: ignore[attr-defined]
