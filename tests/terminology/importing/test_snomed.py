"""A snapshot in Release Format 2: displays by reference set, designations, is-a. The concepts are made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from countyfhir.terminology.importing.order import ImportProblem
from countyfhir.terminology.knowledge import Terminology
from tests.terminology.importing.conftest import BringIn

SCT = "http://snomed.info/sct"
US, ZH = "900000000000509007", "999001"
FSN, SYNONYM = "900000000000003001", "900000000000013009"
PREFERRED, ACCEPTABLE = "900000000000548007", "900000000000549004"
MODULE = "900000000000207008"


def rows(*lines: str) -> str:
    """A file of RF2: ``|`` stands for the tabs between the columns."""
    return "".join(line.replace("|", "\t") + "\r\n" for line in lines)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A folder with a snapshot of four concepts, one of them inactive."""
    folder = tmp_path / "SnomedCT_International" / "Snapshot" / "Terminology"
    folder.mkdir(parents=True)
    (folder / "sct2_Concept_Snapshot_INT_20260101.txt").write_text(
        rows(
            "id|effectiveTime|active|moduleId|definitionStatusId",
            *(f"{code}|20020131|1|{MODULE}|900000000000074008" for code in (300, 100, 200)),
            f"400|20020131|0|{MODULE}|900000000000074008",
        ),
        "utf-8",
    )
    (folder / "sct2_Description_Snapshot-en_INT_20260101.txt").write_text(
        rows(
            "id|effectiveTime|active|moduleId|conceptId|languageCode|typeId|term|caseSignificanceId",
            f"11|20020131|1|{MODULE}|100|en|{FSN}|Finding (finding)|1",
            f"12|20020131|1|{MODULE}|100|en|{SYNONYM}|A finding|1",
            f"13|20020131|1|{MODULE}|100|en|{SYNONYM}|Finding|1",
            f"14|20020131|0|{MODULE}|100|en|{SYNONYM}|Obsolete|1",
            f'31|20020131|1|{MODULE}|300|en|{SYNONYM}|"Quoted" term|1',
            f"32|20020131|1|{MODULE}|300|zh|{SYNONYM}|中文词|1",
        ),
        "utf-8",
    )
    (folder / "sct2_Relationship_Snapshot_INT_20260101.txt").write_text(
        rows(
            "id|effectiveTime|active|moduleId|sourceId|destinationId|relationshipGroup|typeId|characteristicTypeId|modifierId",
            f"1|20020131|1|{MODULE}|200|100|0|116680003|900000000000011006|900000000000451002",
            f"2|20020131|1|{MODULE}|300|200|0|116680003|900000000000011006|900000000000451002",
            f"3|20020131|0|{MODULE}|300|400|0|116680003|900000000000011006|900000000000451002",
            f"4|20020131|1|{MODULE}|300|100|0|363698007|900000000000011006|900000000000451002",
        ),
        "utf-8",
    )
    (folder / "der2_cRefset_LanguageSnapshot-en_INT_20260101.txt").write_text(
        rows(
            "id|effectiveTime|active|moduleId|refsetId|referencedComponentId|acceptabilityId",
            f"a|20020131|1|{MODULE}|{US}|12|{ACCEPTABLE}",
            f"b|20020131|1|{MODULE}|{US}|13|{PREFERRED}",
            f"c|20020131|1|{MODULE}|{US}|31|{PREFERRED}",
            f"d|20020131|1|{MODULE}|{ZH}|32|{PREFERRED}",
        ),
        "utf-8",
    )
    return tmp_path


def test_a_snapshot_is_read_whole(imported: BringIn, terminology: Terminology, release: Path) -> None:
    """The version is the edition's address; only is-a makes the hierarchy; quotes are no quoting."""
    (written,) = imported(release)
    assert (written.version, written.concepts) == (f"{SCT}/{MODULE}/version/20260101", 4)
    assert terminology.displays(SCT, "100") == ("Finding", "Finding (finding)", "A finding")
    assert terminology.displays(SCT, "300") == ('"Quoted" term', "中文词")
    assert terminology.below(SCT, "100") == {"100", "200", "300"}
    assert terminology.above(SCT, "300") == {"100", "200", "300"}
    found = terminology.resolver.code_system(SCT)
    assert found is not None
    assert found.concept("400").inactive


def test_another_reference_set_chooses_the_display(imported: BringIn, terminology: Terminology, release: Path) -> None:
    """A Chinese one, for example."""
    imported(release, language_refset=ZH)
    found = terminology.resolver.code_system(SCT)
    assert found is not None
    assert found.concept("300").display == "中文词"


def test_a_national_edition_says_its_version(imported: BringIn, release: Path) -> None:
    """Its module cannot be known from the name of the file."""
    for path in release.rglob("sct2_Concept*"):
        path.rename(path.with_name("sct2_Concept_Snapshot_XX1000001_20260101.txt"))
    with pytest.raises(ImportProblem, match="--version"):
        imported(release)


def test_a_part_of_a_release_is_refused(imported: BringIn, release: Path) -> None:
    """What is missing is named."""
    for path in release.rglob("sct2_Relationship*"):
        path.unlink()
    with pytest.raises(ImportProblem, match="relationships"):
        imported(release)
