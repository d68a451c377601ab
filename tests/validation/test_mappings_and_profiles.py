"""What the mapping files write is what the county's profiles ask for (issue of profiles: both must agree)."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from countyfhir import shipped
from countyfhir.mapping.institution import institution, known_institutions, organization
from tests.validation.test_county_profiles import findings

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SOURCES = ("county-hospital", "public-health", "demo")
FILES = [path for source in SOURCES for path in sorted((GOLDEN / source).glob("*.ndjson"))]

TESTS = {
    "14771-0": "county-glucose",
    "39156-5": "county-body-mass-index",
    "8280-0": "county-waist-circumference",
    "4548-4": "county-glycated-haemoglobin",
    "14682-9": "county-renal-function",
    "22664-7": "county-renal-function",
    "14647-2": "county-lipids",
    "14927-8": "county-lipids",
    "14646-4": "county-lipids",
    "22748-8": "county-lipids",
}
BY_TYPE = {
    "AllergyIntolerance": "county-allergy-intolerance",
    "Composition": "county-return-slip",
    "Condition": "county-condition",
    "Consent": "county-family-doctor-consent",
    "Contract": "county-family-doctor-contract",
    "MedicationStatement": "county-medication-statement",
    "Organization": "county-organization",
    "Patient": "county-resident",
}
REFUSED = {
    # rows of the golden case that name no known institution, no criterion and carry nothing: rightly no referral
    "county-referral-down": {"ServiceRequest.performer", "county-down-1", "county-down-2"},
    "county-referral-task": {"Task.owner"},
    # Baishi's list has no column for prior data
    "county-referral-up": {"county-up-2"},
}
"""What the profiles refuse of what legacy rows hold: such rows are stored and may claim no profile."""


def profile_of(resource: dict[str, Any]) -> str | None:
    """The profile that a mapping may claim for the resource."""
    kind = resource["resourceType"]
    text = json.dumps(resource, ensure_ascii=False, default=str)
    if kind == "Observation":
        return observation_profile(resource)
    if kind == "Encounter":
        stay = resource["class"]["code"] == "IMP"
        follow_up = "county-encounter-follow-up" if "随访" in text else "county-encounter-outpatient"
        return "county-encounter-inpatient" if stay else follow_up
    if kind == "DiagnosticReport":
        return "county-ecg-report" if '"EC"' in text else "county-imaging-report"
    if kind == "Task" and resource["focus"]["reference"].startswith("ServiceRequest/"):
        return "county-referral-task" if "双向转诊" in text else "county-order-task"
    if kind == "ServiceRequest" and "双向转诊" in text:
        return "county-referral-down" if "下转" in text else "county-referral-up"
    return BY_TYPE.get(kind)


def observation_profile(resource: dict[str, Any]) -> str | None:
    """By its code; results that are no quantity claim none."""
    codings = [(one.get("system", ""), one.get("code", "")) for one in resource["code"].get("coding", ())]
    if any(system.endswith("/cs/follow-up-item") or code == "72166-2" for system, code in codings):
        return "county-lifestyle"
    if any(code == "85354-9" for _, code in codings):
        return "county-blood-pressure"
    found = next((TESTS[code] for _, code in codings if code in TESTS), None)
    return found if "valueQuantity" in resource else None


def decimals(found: dict[str, Any]) -> Any:
    """Decimals as the golden files write them."""
    return Decimal(found["$decimal"]) if set(found) == {"$decimal"} else found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_a_mapping_writes_conforms(path: Path) -> None:
    """Every resource conforms to the profile of its kind, but for what legacy rows do not hold."""
    lines = path.read_text(encoding="utf-8").splitlines()
    resources = [one for line in lines for one in json.loads(line, object_hook=decimals)["resources"]]
    for resource in resources:
        profile = profile_of(resource)
        for one in findings(resource, profile) if profile else ():
            key = (one.key or "").rpartition("#")[2].rpartition("|")[2] or str(one.key)
            if one.severity == "error" and key not in REFUSED.get(str(profile), ()):
                pytest.fail(f"{profile}: {resource['resourceType']}{one.path}: {one.text}")


def test_the_institutions_that_mappings_name_conform() -> None:
    """Every Organization that intake makes conforms: credit codes with their checksum included."""
    folder = shipped.folder("mappings") / "institutions"
    listed = [yaml.safe_load(path.read_text("utf-8"))["institutions"] for path in sorted(folder.glob("*.yaml"))]
    for declared in listed:
        named = [institution(one) for one in declared]
        known = known_institutions(named)
        for one in named:
            found = findings(organization(one, known), "county-organization")
            assert [wrong for wrong in found if wrong.severity == "error"] == [], one.name
