"""References between entries of a Bundle are followed when profiles look at their targets."""

from __future__ import annotations

from typing import Any

from countyfhir.validation.check import check
from countyfhir.validation.inside import resolver
from countyfhir.validation.profiles import Profiles
from countyfhir.validation.rules.finding import Knowledge
from tests.validation.profiles.profile_cases import OURS, element, profile

LICENSED = profile("licensed", "Organization", element("Organization.identifier", min=1))
MEMBER = profile(
    "member",
    "Patient",
    element("Patient.managingOrganization", type=[{"code": "Reference", "targetProfile": [OURS + "licensed"]}]),
)


def bundle(organization: dict[str, Any], reference: str) -> dict[str, Any]:
    """A Bundle of a Patient that claims a profile, and its organization."""
    patient = {
        "resourceType": "Patient",
        "meta": {"profile": [OURS + "member"]},
        "managingOrganization": {"reference": reference},
    }
    entries = [
        {"fullUrl": "urn:uuid:7d4ce6a0-9a4f-4d4f-8d5c-000000000001", "resource": patient},
        {"fullUrl": "urn:uuid:7d4ce6a0-9a4f-4d4f-8d5c-000000000002", "resource": organization},
    ]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def test_targets_in_the_bundle_are_checked() -> None:
    """By full URL: an organization without identifier does not conform, one with it does."""
    profiles = Profiles([LICENSED, MEMBER])
    knowledge = Knowledge(profile_check=profiles.profile_check)
    reference = "urn:uuid:7d4ce6a0-9a4f-4d4f-8d5c-000000000002"
    bad = {"resourceType": "Organization", "name": "o"}
    good = bad | {"identifier": [{"value": "1"}]}
    found = [one.expression for one in check(bundle(bad, reference), knowledge) if one.severity == "error"]
    assert found == [("Bundle.entry[0].resource.managingOrganization.reference",)]
    assert [one for one in check(bundle(good, reference), knowledge) if one.severity == "error"] == []


def test_entries_are_found_by_full_url_and_by_id() -> None:
    """What is not in the Bundle is asked elsewhere; other resources ask elsewhere at once."""
    organization = {"resourceType": "Organization", "id": "o"}
    held = bundle(organization, "Organization/o")
    elsewhere = {"resourceType": "Organization", "id": "e"}
    resolve = resolver(held, {"Organization/e": elsewhere}.get)
    assert resolve("Organization/o") is organization
    assert resolve("urn:uuid:7d4ce6a0-9a4f-4d4f-8d5c-000000000002") is organization
    assert resolve("Organization/e") is elsewhere
    assert resolve("Organization/none") is None
    assert resolver({"resourceType": "Patient"}, {"x": elsewhere}.get)("x") is elsewhere
