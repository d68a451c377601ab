"""locate(): where results stand, so that a patch can replace, insert and delete there."""

from __future__ import annotations

from typing import Any

import pytest

from countyfhir.fhirpath import FhirPathError, locate


@pytest.fixture
def patient() -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "name": [{"use": "official", "given": ["小", "明"]}, {"use": "usual", "given": ["明"]}],
        "birthDate": "2001-02-03",
        "_birthDate": {"extension": [{"url": "http://e/time", "valueString": "noon"}]},
        "deceasedBoolean": False,
        "contained": [{"resourceType": "Organization", "id": "o", "name": "卫生院"}],
    }


@pytest.mark.parametrize(
    ("expression", "path", "key", "index", "type_name"),
    [
        ("Patient.name[1].given[0]", "Patient.name[1].given[0]", "given", 0, "string"),
        ("Patient.name.where(use = 'usual')", "Patient.name[1]", "name", 1, "HumanName"),
        ("Patient.birthDate", "Patient.birthDate", "birthDate", None, "date"),
        ("Patient.deceased", "Patient.deceased", "deceasedBoolean", None, "boolean"),
        ("(Patient.deceased as boolean)", "Patient.deceased", "deceasedBoolean", None, "boolean"),
        (
            "birthDate.extension('http://e/time').value",
            "Patient.birthDate.extension[0].value",
            "valueString",
            None,
            "string",
        ),
        ("contained.where(id = 'o').name", "Patient.contained[0].name", "name", None, "string"),
        ("descendants().where($this = '卫生院')", "Patient.contained[0].name", "name", None, "string"),
    ],
)
def test_location(
    patient: dict[str, Any], expression: str, path: str, key: str, index: int | None, type_name: str
) -> None:
    """A location names parent, key and index, and its path is FHIRPath that leads there."""
    (location,) = locate(expression, patient)
    assert (location.path, location.key, location.index, location.type_name) == (path, key, index, type_name)
    again = locate(location.path, patient)
    assert [one.path for one in again] == [path]
    assert location.parent is not None
    held = location.parent[key] if index is None else location.parent[key][index]
    assert held is not None
    assert again[0].parent is location.parent


def test_every_place(patient: dict[str, Any]) -> None:
    """All results are located, in order."""
    assert [one.path for one in locate("name.given", patient)] == [
        "Patient.name[0].given[0]",
        "Patient.name[0].given[1]",
        "Patient.name[1].given[0]",
    ]


def test_parent_is_the_tree_itself(patient: dict[str, Any]) -> None:
    """What is done to a location's parent is done to the resource."""
    (location,) = locate("Patient.name.where(use = 'official')", patient)
    assert location.parent is not None
    del location.parent[location.key][location.index]
    assert [name["use"] for name in patient["name"]] == ["usual"]


def test_root_and_nothing(patient: dict[str, Any]) -> None:
    """The resource itself has no parent; a path that finds nothing gives no location."""
    (location,) = locate("Patient", patient)
    assert (location.parent, location.path) == (None, "Patient")
    assert locate("Patient.photo", patient) == []


def test_computed_values_stand_nowhere(patient: dict[str, Any]) -> None:
    """A computed value cannot be patched."""
    with pytest.raises(FhirPathError):
        locate("name.count()", patient)
