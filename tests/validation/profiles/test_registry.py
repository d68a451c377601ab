"""Profiles are found by canonical and version, from R4, folders and the store, and change when those do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from countyfhir.validation.profiles import Profiles
from tests.validation.profiles.profile_cases import OURS, R4, around, element, errors, profile

PATIENT: dict[str, Any] = {"resourceType": "Patient"}
STRICT = profile("p", "Patient", element("Patient.birthDate", min=1), version="1.0.0")
LOOSE = profile("p", "Patient", version="2.1.0")


def test_versions_are_told_apart() -> None:
    """A canonical without version means the newest added; with one, that version or the newest it begins."""
    profiles = Profiles([STRICT, LOOSE])
    assert errors(profiles, "p", PATIENT) == []
    assert errors(profiles, "p|1.0.0", PATIENT) == [("", "required")]
    assert errors(profiles, "p|2", PATIENT) == []
    assert profiles.profile_check(OURS + "p|3") is None
    profiles.remove(OURS + "p", "2.1.0")
    assert errors(profiles, "p", PATIENT) == [("", "required")]
    profiles.remove(OURS + "p")
    assert profiles.profile_check(OURS + "p") is None


def test_r4_is_known_without_being_loaded() -> None:
    """R4's profiles come with the program."""
    profiles = Profiles()
    check = profiles.profile_check(R4 + "bmi|4.0.1")
    assert check is not None
    assert check.type_name == "Observation"
    assert profiles.profile_check("urn:none") is None


def test_folders_hold_json_and_yaml(tmp_path: Path, caplog: Any) -> None:
    """Files anywhere below a folder are known; a broken one is left out and logged with its line."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.json").write_text(json.dumps(STRICT))
    yaml = f"""
resourceType: StructureDefinition
url: {OURS}y
type: Patient
baseDefinition: {R4}Patient
derivation: constraint
differential:
  element:
    - {{id: Patient.name, path: Patient.name, max: 1}}
"""
    (tmp_path / "b.yaml").write_text(yaml)
    (tmp_path / "broken.json").write_text('{\n  "url": \n}')
    profiles = Profiles(folders=[tmp_path])
    assert profiles.urls() == [OURS + "p", OURS + "y"]
    assert errors(profiles, "p", PATIENT) == [("", "required")]
    assert errors(profiles, "y", PATIENT | {"name": [{"text": "a"}, {"text": "b"}]}) == [(".name", "structure")]
    assert "broken.json, line 3" in caplog.text


def test_what_is_stored_is_followed() -> None:
    """A stored profile counts at once, its next version takes its place, its deletion ends it."""
    profiles = Profiles()
    profiles.stored("StructureDefinition", "1", STRICT)
    assert errors(profiles, "p", PATIENT) == [("", "required")]
    profiles.stored("StructureDefinition", "1", LOOSE)
    assert errors(profiles, "p", PATIENT) == []
    assert profiles.profile_check(OURS + "p|1.0.0") is None
    profiles.stored("StructureDefinition", "1", None)
    assert profiles.profile_check(OURS + "p") is None


def test_conforms_to_answers_for_fhirpath() -> None:
    """True, false, and None for a profile nobody knows."""
    conforms = Profiles([STRICT]).conforms_to(around(PATIENT))
    assert conforms(PATIENT | {"birthDate": "1950"}, OURS + "p") is True
    assert conforms(PATIENT, OURS + "p") is False
    assert conforms(PATIENT, "urn:none") is None


def test_a_change_below_reaches_what_derives_from_it() -> None:
    """What was compiled with a parent is compiled anew when the parent changes."""
    child = profile("c", "p", type="Patient")
    profiles = Profiles([STRICT, child])
    assert errors(profiles, "c", PATIENT) == [("", "required")]
    profiles.add(profile("p", "Patient", version="1.0.0"))
    assert errors(profiles, "c", PATIENT) == []
