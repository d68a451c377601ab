"""Profiles against what HL7 published: snapshots made anew from R4's own differentials, and the official examples
against the profiles they claim or are of. The counts of ``profiles_baseline.json`` may only rise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from countyfhir.model import json as fhir_json
from countyfhir.model import library
from countyfhir.validation.profiles import NoSnapshot, Profiles, snapshot
from countyfhir.validation.profiles.registry import r4
from tests.validation.profiles.profile_cases import R4, around

HERE = Path(__file__).parent
BASELINE = json.loads((HERE / "profiles_baseline.json").read_text())
EXAMPLES = HERE.parent / "data" / "r4-examples.tar.xz"
COMPARED = ("min", "max", "type", "binding", "slicing", "contentReference", "base", "sliceName", "mustSupport")
ALSO = ("fixed", "pattern", "minValue", "maxValue", "maxLength", "isModifier", "isSummary")


def facts(element: dict[str, Any]) -> dict[str, Any]:
    """What is compared of an element: all that checks follow from, not its texts."""
    kept = {key: value for key, value in element.items() if key in COMPARED or key.startswith(ALSO)}
    return kept | {"constraints": sorted(one["key"] for one in element.get("constraint", ()))}


def by_place(elements: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """The facts by path and id."""
    return {(one["path"], one["id"]): facts(one) for one in elements}


@cache
def agreement() -> dict[str, int]:
    """How many elements of R4's own profiles come out as published, of how many, and how many whole profiles."""
    profiles = Profiles()
    counts = {"elements": 0, "agreeing_elements": 0, "profiles": 0, "agreeing_profiles": 0}
    for url in r4():
        published = profiles.stated(url) or {}
        if published.get("derivation") != "constraint" or not {"snapshot", "differential"} <= published.keys():
            continue
        wanted = by_place(published["snapshot"]["element"])
        try:
            made = by_place(snapshot(published, profiles.stated)["snapshot"]["element"])
        except NoSnapshot:
            made = {}
        places = wanted.keys() | made.keys()
        agreeing = sum(wanted.get(place) == made.get(place) for place in places)
        counts["elements"] += len(places)
        counts["agreeing_elements"] += agreeing
        counts["profiles"] += 1
        counts["agreeing_profiles"] += agreeing == len(places)
    return counts


def test_snapshots_agree_with_those_published() -> None:
    """Regenerated snapshots of R4's own profiles agree at least as often as the baseline says."""
    found = agreement()
    assert found["agreeing_elements"] >= BASELINE["agreeing_elements"]
    assert found["agreeing_profiles"] >= BASELINE["agreeing_profiles"]
    assert found["elements"] - found["agreeing_elements"] <= BASELINE["elements"] - BASELINE["agreeing_elements"]


@cache
def examples() -> dict[str, dict[str, Any]]:
    """The official examples by type and id."""
    found = {}
    for name, text in library.examples(EXAMPLES):
        if name.endswith(".json"):
            resource = fhir_json.parse(text)
            found[f"{resource.get('resourceType')}/{resource.get('id')}"] = resource
    return found


def claims() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(where, profile, resource) of every claim in the examples that this server can check."""
    for name, resource in examples().items():
        entries = [entry["resource"] for entry in resource.get("entry", ()) if "resource" in entry]
        for one in (resource, *(entries if resource["resourceType"] == "Bundle" else ())):
            for url in one.get("meta", {}).get("profile", ()):
                yield name, url, one


def test_examples_conform_to_the_profiles_they_claim() -> None:
    """No false error: every official example conforms to each known profile in its meta.profile."""
    profiles = Profiles()
    checked, wrong = 0, []
    for name, url, resource in claims():
        check = profiles.profile_check(url)
        if check is None:
            continue
        checked += 1
        found = check(resource, around(resource, examples())) or ()
        wrong += [(name, url, one) for one in found if one.severity == "error"]
    assert wrong == []
    assert checked >= BASELINE["checked_claims"]


VITAL_SIGNS = {
    "bp": {"blood-pressure", "blood-pressure-cancel", "blood-pressure-dar"},
    "bodyweight": {"example"},
    "bodyheight": {"body-height", "body-length"},
    "bmi": {"bmi", "bmi-using-related"},
    "bodytemp": {"body-temperature"},
    "heartrate": {"heart-rate"},
    "resprate": {"respiratory-rate"},
    "oxygensat": {"satO2"},
    "headcircum": {"head-circumference"},
    "vitalspanel": {"vitals-panel"},
}


@pytest.mark.parametrize("name", VITAL_SIGNS)
def test_vital_signs_take_their_examples_and_no_others(name: str) -> None:
    """Of all official Observations exactly those of the vital sign conform to its profile."""
    check = Profiles().profile_check(R4 + name)
    assert check is not None
    conforming = {
        resource["id"]
        for resource in examples().values()
        if resource["resourceType"] == "Observation"
        and not any(one.severity == "error" for one in check(resource, around(resource, examples())) or ())
    }
    assert conforming == VITAL_SIGNS[name]


def test_extensions_of_the_examples_are_in_place() -> None:
    """Outside of the bundles of definitions, no official example misuses an extension; one has an unknown modifier."""
    profiles = Profiles(unknown_extensions="off")
    wrong = [
        (name, one.path)
        for name, resource in examples().items()
        if resource["resourceType"] != "Bundle"
        for one in profiles.extension_findings(resource, around(resource, examples()))
        if one.severity == "error"
    ]
    assert {name for name, _ in wrong} == {"Basic/referral"}  # three modifiers that are defined nowhere
