"""Naming systems of the folders answer for their names."""

from __future__ import annotations

import pytest

from countyfhir.shipped import folder
from countyfhir.terminology.files.folder import naming_systems


@pytest.mark.parametrize(
    ("oid", "type_code"),
    [("2.16.156.10011.1.3", "NI"), ("2.16.156.10011.1.19", "HC"), ("2.16.156.10011.1.13", "MR")],
)
def test_national_identifiers_have_their_type(oid: str, type_code: str) -> None:
    """Identity card, health card, medical record; each in one naming system."""
    (found,) = [
        one for one in naming_systems([folder("terminology")]) if oid in {name["value"] for name in one["uniqueId"]}
    ]
    assert found["type"]["coding"][0]["code"] == type_code


def test_local_numbers_are_no_systems_of_their_own() -> None:
    """An outpatient number is unique in one institution only: the national OID is named, but not for use."""
    drafts = {one["id"] for one in naming_systems([folder("terminology")]) if one["status"] == "draft"}
    assert {"outpatient-number", "inpatient-number", "medical-record-number"} <= drafts
