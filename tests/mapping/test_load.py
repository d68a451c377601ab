"""Mapping files that ship compile, and mistakes in a mapping file are reported with file, line and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from countyfhir import shipped
from countyfhir.mapping import MappingError, apply, load, load_all

SOURCE = """title: 测试
institution: 县医院
institutions: [{name: 县医院}]
"""
MAPPING = """title: 病人
version: 1
source:
  format: csv
  file: patients.csv
  encoding: utf-8
  columns: [ID, XM]
record:
  key: [ID]
values:
  name: XM | name
resources:
  - type: Patient
    key: "{ID}"
    content:
      name: [{text: "{name}"}]
"""


def written(folder: Path, mapping: str) -> Path:
    source = folder / "demo"
    source.mkdir()
    (source / "source.yaml").write_text(SOURCE, "utf-8")
    (source / "patients.yaml").write_text(mapping, "utf-8")
    return folder


def test_everything_that_ships_compiles() -> None:
    """Each source has mappings, a title and institutions."""
    sources = load(shipped.folder("mappings"))
    assert {"county-hospital", "public-health", "township-shiqiao", "baishi-hospital"} <= {one.name for one in sources}
    assert all(one.mappings and one.title and one.institutions for one in sources)


def test_every_shipped_file_names_its_schema() -> None:
    """An editor completes what it is told the schema of."""
    for path in shipped.folder("mappings").glob("*/*.yaml"):
        if path.parent.name not in ("institutions", "fragments"):
            assert path.read_text("utf-8").startswith("# yaml-language-server: $schema=../"), path


@pytest.mark.parametrize(
    ("right", "wrong", "line", "problem"),
    [
        ("XM | name", "XN | name", 11, "'XN' is neither a column nor a value defined above"),
        ("key: [ID]", "key: [IDD]", 9, "'IDD' is not among source.columns"),
        ("format: csv", "format: odt", 4, "is not one of"),
        ("version: 1\n", "", 1, "'version' is a required property"),
        ("values:", "valeurs:", 1, "'valeurs' was unexpected"),
        ('"{name}"', '"{nome}"', 13, "'nome' is neither a column nor a value defined above"),
        ("values:", "codes:\n  sex: {column: XB, dictionary: 1, table: {1: x}}\nvalues:", 11, "column 'XB' is neither"),
        ("  key: [ID]", "  key: [ID", 11, "this is not YAML"),
        ("  name: XM | name", "  name: XM | name\n  name: XM", 12, "'name' stands here a second time"),
    ],
)
def test_mistakes_name_file_and_line(tmp_path: Path, right: str, wrong: str, line: int, problem: str) -> None:
    """The message begins with the path and the line."""
    with pytest.raises(MappingError) as caught:
        load(written(tmp_path, MAPPING.replace(right, wrong)))
    assert caught.value.path.name == "patients.yaml"
    assert problem in str(caught.value)
    assert abs(caught.value.line - line) <= 1


def test_codes_stay_text(tmp_path: Path) -> None:
    """01 is "01": YAML's octal numbers and its yes and no have no place in code tables."""
    declared = "codes:\n  sex: {column: XM, dictionary: 1, table: {01: male, 1: x, yes: y}}\n"
    codes = f"{declared}values:\n  sex: XM | code(sex)"
    (source,) = load(written(tmp_path, MAPPING.replace("values:", codes)))
    (_, expression), *_ = source.mappings[0].values
    assert [expression({"XM": code, "%notes": []}) for code in ("01", "1", "yes")] == ["male", "x", "y"]


def test_a_shared_code_map_must_say_where_it_applies(tmp_path: Path) -> None:
    """Code maps are keyed by source, table, column and dictionary version (DESIGN decision 11)."""
    codes = "codes:\n  sex: {column: XM, dictionary: 1, file: gbt-2261-1.yaml}\nvalues:"
    with pytest.raises(MappingError, match="does not say that it applies"):
        load(written(tmp_path, MAPPING.replace("values:", codes)))


def test_a_source_is_like_another_under_other_names(tmp_path: Path) -> None:
    """The same system at another institution: its mapping files, its own institutions, words replaced, files of its own
    instead of those of the same name."""
    folder = tmp_path / "county-hospital"
    folder.mkdir()
    (folder / "source.yaml").write_text(
        "like: county-hospital\n"
        "institution: 临河县人民医院\n"
        "institutions: [{name: 临河县人民医院, code: 12371482MB00000071}]\n"
        "instead_of: {12370523MB00000016: 12371482MB00000071}\n",
        "utf-8",
    )
    (folder / "ms-ghmx.yaml").write_text(MAPPING, "utf-8")
    shipped_one, own = load_all([shipped.folder("mappings")]), load_all([shipped.folder("mappings"), tmp_path])
    (changed,) = (one for one in own if one.name == "county-hospital")
    (before,) = (one for one in shipped_one if one.name == "county-hospital")
    assert len(own) == len(shipped_one)
    assert {one.name for one in changed.mappings} == {one.name for one in before.mappings}
    assert {one.institution.name for one in changed.mappings} == {"临河县人民医院"}
    (patients,) = (one for one in changed.mappings if one.name == "county-hospital/ms-brda")
    (made,) = (one for one in apply(patients, ROW).resources if one["resourceType"] == "Patient")
    assert {one["system"] for one in made["identifier"]} == {
        "https://fhir.county-hc.example/id/12371482MB00000071/patient"
    }
    (bookings,) = (one for one in changed.mappings if one.name == "county-hospital/ms-ghmx")
    assert bookings.title == "病人"


ROW = {"BRID": "1", "BRXM": "张三", "BRXB": "1", "XGSJ": "2025-01-01 08:00:00"}


def test_a_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    """``like`` names a source beside it, or one that ships."""
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "source.yaml").write_text("like: nowhere\ninstitutions: [{name: 甲}]\n", "utf-8")
    with pytest.raises(MappingError, match="no source 'nowhere'"):
        load(tmp_path)


def test_a_source_like_another_says_whose_patients_it_means(tmp_path: Path) -> None:
    """The documents of a hospital mean the patients of its tables: at another hospital the same number is somebody
    else, so nothing is taken over unsaid."""
    folder = tmp_path / "linhe-documents"
    folder.mkdir()
    text = "like: county-hospital-documents\ninstitutions: [{name: 甲, code: A1}]\ninstitution: 甲\n"
    (folder / "source.yaml").write_text(f"{text}instead_of: {{12370523MB00000016: A1}}\n", "utf-8")
    with pytest.raises(MappingError, match="the source 'county-hospital'; say under instead_of"):
        load(tmp_path)
    own = f"{text}instead_of: {{12370523MB00000016: A1, county-hospital: linhe}}\n"
    (folder / "source.yaml").write_text(own, "utf-8")
    (source,) = load(tmp_path)
    assert {target.source for mapping in source.mappings for target in mapping.targets} == {"linhe", None}


def test_a_number_of_json_is_a_text_where_the_element_is_one(tmp_path: Path) -> None:
    """An identifier that JSON states as a number; elsewhere numbers stay numbers."""
    text = MAPPING.replace(
        '      name: [{text: "{name}"}]\n', '      identifier: [{value: "{ID}"}]\n      multipleBirthInteger: "{ID}"\n'
    )
    (source,) = load(written(tmp_path, text))
    (patient,) = apply(source.mappings[0], {"ID": 7, "XM": "张三"}).resources
    assert patient["identifier"] == [{"value": "7"}]
    assert patient["multipleBirthInteger"] == 7


def test_a_constant_institution_must_be_known(tmp_path: Path) -> None:
    """It is found when the file is checked, not at every record."""
    constant = """      managingOrganization: {reference: "{'别的医院' | organization}"}\n"""
    with pytest.raises(MappingError, match="'别的医院' is not in the table of institutions"):
        load(written(tmp_path, MAPPING + constant))


def test_a_cell_that_is_held_back_inside_a_template_leaves_out_its_member(tmp_path: Path) -> None:
    """The rest of the resource stands, with the issue."""
    (source,) = load(written(tmp_path, MAPPING + '      birthDate: "{ID | date}"\n'))
    made = apply(source.mappings[0], {"ID": "不知道", "XM": "张三"})
    assert made.outcome == "mapped"
    assert [(one.code, one.columns) for one in made.issues] == [("M07", ("ID",))]
    assert "birthDate" not in made.resources[0]
