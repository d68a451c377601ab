"""Which mapping applies to which file."""

from __future__ import annotations

from pathlib import Path

from countyfhir import shipped
from countyfhir.intake.inputs import discover
from countyfhir.mapping import load

SOURCES = load(shipped.folder("mappings"))


def made(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return folder


def test_files_belong_to_the_source_their_folder_names(tmp_path: Path) -> None:
    """Patients come first, dictionaries are no records, unknown files are told, both sheets of a workbook are read."""
    names = ("county-hospital/MS_BRZD.csv", "county-hospital/MS_BRDA.csv", "county-hospital/dictionary.csv")
    folder = made(tmp_path, *names, "county-hospital/x.txt", "township-shiqiao/shiqiao.xlsx", "elsewhere/MS_BRDA.csv")
    found = discover([folder], SOURCES)
    assert [one.label for one in found.inputs] == [
        "county-hospital/MS_BRDA.csv",
        "township-shiqiao/shiqiao.xlsx!病人信息",
        "township-shiqiao/shiqiao.xlsx!门诊日志",
        "county-hospital/MS_BRZD.csv",
    ]
    assert found.unmatched == ("county-hospital/x.txt", "elsewhere/MS_BRDA.csv")
    assert {source.name for source in found.sources} == {"county-hospital", "township-shiqiao"}


def test_a_source_can_be_named(tmp_path: Path) -> None:
    """--source NAME=FOLDER, whatever the folder is called."""
    folder = made(tmp_path, "stick/MS_BRDA.csv")
    found = discover([], SOURCES, {"county-hospital": folder / "stick"})
    assert [one.label for one in found.inputs] == ["county-hospital/MS_BRDA.csv"]
