"""A LOINC release as a zip: terms, hierarchy of parts, Chinese names. The release is made up in the published form."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from countyfhir.terminology.importing.order import ImportProblem
from countyfhir.terminology.knowledge import Terminology
from tests.terminology.importing.conftest import BringIn

TABLE = (
    '"LOINC_NUM","COMPONENT","PROPERTY","TIME_ASPCT","SYSTEM","SCALE_TYP","METHOD_TYP","CLASS","STATUS","SHORTNAME",'
    '"LONG_COMMON_NAME"\n'
    '"8480-6","Intravascular systolic","Pres","Pt","Arterial system","Qn","","BP.ATOM","ACTIVE","BP sys",'
    '"Systolic blood pressure"\n'
    '"0000-0","Made up","Pres","Pt","^Patient","Qn","","X","DEPRECATED","Made up","Made up, ""old"""\n'
)
HIERARCHY = (
    '"PATH_TO_ROOT","SEQUENCE","IMMEDIATE_PARENT","CODE","CODE_TEXT"\n'
    '"","1","","LP1","Root"\n"LP1","1","LP1","LP2","Blood pressure"\n"LP1.LP2","1","LP2","8480-6","Systolic"\n'
)
CHINESE = (
    '"LOINC_NUM","COMPONENT","LONG_COMMON_NAME","LinguisticVariantDisplayName"\n"8480-6","收缩期血管内","","收缩压"\n'
)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """The zip."""
    path = tmp_path / "Loinc_2.80.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("Loinc_2.80/LoincTable/Loinc.csv", TABLE)
        packed.writestr(
            "Loinc_2.80/AccessoryFiles/ComponentHierarchyBySystem/ComponentHierarchyBySystem.csv", HIERARCHY
        )
        packed.writestr("Loinc_2.80/AccessoryFiles/LinguisticVariants/zhCN5LinguisticVariant.csv", CHINESE)
    return path


def test_a_release_is_read_whole(imported: BringIn, terminology: Terminology, release: Path) -> None:
    """Version from the name, display in English, Chinese beside it, parts above, deprecated ones inactive."""
    (written,) = imported(release)
    assert (written.url, written.version, written.concepts) == ("http://loinc.org", "2.80", 4)
    assert terminology.displays("http://loinc.org", "8480-6") == ("Systolic blood pressure", "收缩压", "BP sys")
    assert terminology.above("http://loinc.org", "8480-6") == {"8480-6", "LP2", "LP1"}
    found = terminology.resolver.code_system("http://loinc.org")
    assert found is not None
    assert found.concept("0000-0").inactive
    assert found.concept("0000-0").display == 'Made up, "old"'
    assert {"code": "CLASS", "valueString": "BP.ATOM"} in found.properties(found.concept("8480-6"))


def test_a_release_without_a_version_is_refused(imported: BringIn, tmp_path: Path) -> None:
    """Codes without their version cannot be told from those of another one."""
    (tmp_path / "LoincTable").mkdir()
    (tmp_path / "LoincTable" / "Loinc.csv").write_text(TABLE, "utf-8")
    with pytest.raises(ImportProblem, match="--version"):
        imported(tmp_path / "LoincTable")
