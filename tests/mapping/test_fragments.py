"""Fragments shorten mapping files, and ConceptMaps of terminology/ translate their codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from countyfhir.mapping import MappingError, apply, load
from countyfhir.mapping.concept_maps import NoConceptMap, concept_maps, places, table_of
from countyfhir.terminology.files.folder import in_file

HERE = places(Path("mappings/source/mapping.yaml"))
MAPPING = """title: 体检
version: 1
source: {format: csv, file: a.csv, encoding: utf-8, columns: [N, SG, TZ, 性别]}
record: {key: [N]}
fragments:
  measured:
    type: Observation
    when: $value
    key: "{N}/$value"
    content:
      status: final
      code: {coding: [{system: "http://loinc.org", code: $loinc}], text: $text}
      valueQuantity: "{$value}"
codes:
  sex: {column: 性别, dictionary: 2023, map: "%s", as: code}
values:
  height: SG | quantity('cm')
  weight: TZ | quantity('kg')
  gender: 性别 | code(sex)
resources:
  - type: Patient
    key: "{N}"
    content: {gender: "{gender}", name: [{use: official, text: x}]}
  - {use: measured, with: {value: height, loinc: 8302-2, text: 身高}}
  - use: measured
    with: {value: weight, loinc: 29463-7, text: 体重}
    content: {status: preliminary, code: {text: null}}
"""


def source(folder: Path, mapping: str, name: str = "public-health") -> Path:
    made = folder / name
    made.mkdir(parents=True)
    (made / "source.yaml").write_text("title: x\ninstitution: a\ninstitutions: [{name: a}]\n", "utf-8")
    (made / "a.yaml").write_text(mapping, "utf-8")
    return made


def sex_map() -> str:
    return next(url for url in concept_maps(HERE) if "public-health" in url and "sex" in url and "gender" in url)


def test_a_fragment_stands_for_its_template(tmp_path: Path) -> None:
    """Parameters filled in, members laid over it, null takes one away; ``use`` of FHIR itself is left alone."""
    ((mapping,),) = (one.mappings for one in load(source(tmp_path, MAPPING % sex_map())))
    made = apply(mapping, {"N": "1", "SG": "170", "TZ": "65", "性别": "2"})
    patient, height, weight = made.resources
    assert (patient["gender"], patient["name"][0]["use"]) == ("female", "official")
    assert height["code"] == {"coding": [{"system": "http://loinc.org", "code": "8302-2"}], "text": "身高"}
    assert (weight["status"], "text" in weight["code"], weight["valueQuantity"]["code"]) == ("preliminary", False, "kg")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{use: nowhere, with: {}}", "no fragment 'nowhere'"),
        ("{use: measured, with: {value: height}}", "takes loinc, text, value; not so: loinc, text"),
    ],
)
def test_a_wrong_use_is_told_with_its_line(tmp_path: Path, wrong: str, said: str) -> None:
    """An unknown fragment, a parameter too few."""
    text = MAPPING % sex_map() + f"  - {wrong}\n"
    with pytest.raises(MappingError, match=said):
        load(source(tmp_path, text))


def test_a_concept_map_holds_only_for_its_own_dictionary() -> None:
    """Another source, another version, an unknown map: refused; a code without a sound target is left out."""
    url = sex_map()
    assert table_of(url, "public-health", "2023", HERE)["1"]["code"] == "male"
    for wrong in ((url, "county-hospital", "2023"), (url, "public-health", "2019"), ("x", "public-health", "2023")):
        with pytest.raises(NoConceptMap):
            table_of(*wrong, HERE)


def test_a_county_brings_its_own_tables(tmp_path: Path) -> None:
    """A ConceptMap of the ``terminology/`` beside its folder of mappings, in the short form of such files."""
    url = sex_map()
    shipped_map = next(path for path in HERE[0].rglob("*.yaml") if url in [one.get("url") for one in in_file(path)])
    own = tmp_path / "county" / "terminology" / "dictionaries" / "public-health.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(shipped_map.read_text("utf-8").replace("male", "other"), "utf-8")
    ((mapping,),) = (one.mappings for one in load(source(tmp_path / "county" / "mappings", MAPPING % url)))
    patient = apply(mapping, {"N": "1", "SG": "170", "TZ": "65", "性别": "1"}).resources[0]
    assert patient["gender"] == "other"
