"""References are found and rewritten wherever a transaction may hold them, and nowhere else."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from countyfhir.interactions import references

PATIENT = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"
REPORT = "urn:oid:1.2.3.4"
ABSOLUTE = "http://example.org/fhir/Encounter/7"
MAPPING = {PATIENT: "Patient/1", REPORT: "DiagnosticReport/2", ABSOLUTE: "Encounter/3"}


def about(reference: str) -> dict[str, Any]:
    """A resource with one reference."""
    return {"resourceType": "Basic", "subject": {"reference": reference}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            {"resourceType": "Observation", "subject": {"reference": PATIENT, "display": PATIENT}},
            {"resourceType": "Observation", "subject": {"reference": "Patient/1", "display": PATIENT}},
        ),
        (
            {"resourceType": "Observation", "encounter": {"reference": ABSOLUTE + "#part"}},
            {"resourceType": "Observation", "encounter": {"reference": "Encounter/3#part"}},
        ),
        (
            {"resourceType": "Provenance", "target": [{"reference": "Basic/1"}, {"reference": REPORT}]},
            {"resourceType": "Provenance", "target": [{"reference": "Basic/1"}, {"reference": "DiagnosticReport/2"}]},
        ),
        (
            {"resourceType": "Basic", "contained": [{"resourceType": "Basic", "subject": {"reference": PATIENT}}]},
            {"resourceType": "Basic", "contained": [{"resourceType": "Basic", "subject": {"reference": "Patient/1"}}]},
        ),
        (
            {
                "resourceType": "Basic",
                "extension": [
                    {"url": "urn:x", "valueUri": PATIENT},
                    {"url": "urn:x", "valueUrl": PATIENT},
                    {"url": "urn:x", "valueUuid": PATIENT},
                    {"url": "urn:x", "valueOid": REPORT},
                    {"url": "urn:x", "extension": [{"url": "urn:y", "valueReference": {"reference": PATIENT}}]},
                    {"url": "urn:x", "valueAttachment": {"url": PATIENT}},
                ],
            },
            {
                "resourceType": "Basic",
                "extension": [
                    {"url": "urn:x", "valueUri": "Patient/1"},
                    {"url": "urn:x", "valueUrl": "Patient/1"},
                    {"url": "urn:x", "valueUuid": "Patient/1"},
                    {"url": "urn:x", "valueOid": "DiagnosticReport/2"},
                    {"url": "urn:x", "extension": [{"url": "urn:y", "valueReference": {"reference": "Patient/1"}}]},
                    {"url": "urn:x", "valueAttachment": {"url": "Patient/1"}},
                ],
            },
        ),
        (
            {"resourceType": "Patient", "name": [{"_given": [None, {"extension": [{"valueUri": PATIENT}]}]}]},
            {"resourceType": "Patient", "name": [{"_given": [None, {"extension": [{"valueUri": "Patient/1"}]}]}]},
        ),
        (
            {"resourceType": "DocumentManifest", "source": PATIENT},
            {"resourceType": "DocumentManifest", "source": "Patient/1"},
        ),
        (
            {
                "resourceType": "Basic",
                "text": {
                    "div": f"<div><a class='x' href='{PATIENT}#a'>{PATIENT}</a> <img src = \"{REPORT}\"/>"
                    f'<a title="{PATIENT}" href="http://example.org/?a&amp;b">b</a></div>'
                },
            },
            {
                "resourceType": "Basic",
                "text": {
                    "div": f"<div><a class='x' href='Patient/1#a'>{PATIENT}</a> <img src = \"DiagnosticReport/2\"/>"
                    f'<a title="{PATIENT}" href="http://example.org/?a&amp;b">b</a></div>'
                },
            },
        ),
        (
            {"resourceType": "Parameters", "parameter": [{"resource": about(PATIENT)}]},
            {"resourceType": "Parameters", "parameter": [{"resource": about("Patient/1")}]},
        ),
    ],
)  # fmt: skip
def test_rewritten_everywhere(before: dict[str, Any], after: dict[str, Any]) -> None:
    """References (fragment kept), uri, url, oid and uuid elements, extensions, contained and narrative links change."""
    kept = copy.deepcopy(before)
    assert references.rewrite(before, MAPPING) == after
    assert before == kept


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "PlanDefinition", "library": [PATIENT], "action": [{"definitionCanonical": PATIENT}]},
        {"resourceType": "Basic", "meta": {"profile": [PATIENT]}, "extension": [{"valueCanonical": PATIENT}]},
        {"resourceType": "Basic", "extension": [{"valueString": PATIENT}, {"valueCode": PATIENT}]},
        {"resourceType": "Patient", "name": [{"text": PATIENT}], "identifier": [{"value": PATIENT}]},
        {"resourceType": "Basic", "subject": {"reference": PATIENT + "0"}, "author": {"reference": "#" + PATIENT}},
        {"resourceType": "Bundle", "entry": [{"fullUrl": PATIENT, "resource": about(PATIENT)}]},
        {"resourceType": "Unknown", "subject": {"reference": PATIENT}},
        {"resourceType": "Observation", "subject": PATIENT, "hair": {"reference": PATIENT}, "note": [[{"x": 1}], 5]},
    ],
)  # fmt: skip
def test_left_alone(resource: dict[str, Any]) -> None:
    """Canonicals, plain strings, longer links, Bundles inside and malformed content stay the very same object."""
    assert references.rewrite(resource, MAPPING) is resource


RESOURCE: dict[str, Any] = {
    "resourceType": "Observation",
    "contained": [
        {"resourceType": "Practitioner", "extension": [{"url": "x", "valueReference": {"reference": "Basic/1"}}]}
    ],
    "subject": {"reference": "Patient?identifier=urn:a|1"},
    "performer": [
        {"reference": "Practitioner/1"},
        {"reference": "Organization?name=a b&active=true"},
        {"display": "x"},
    ],
    "_status": {"extension": [{"url": "x", "valueReference": {"reference": "#p"}}]},
    "derivedFrom": [{"reference": "http://example.org/Patient?identifier=1"}],
}


def test_literal_references_with_their_paths() -> None:
    """Every Reference is found, in order, also in contained resources and extensions of primitives."""
    assert list(references.literal(RESOURCE)) == [
        ("Observation.contained[0].extension[0].value", "Basic/1"),
        ("Observation.subject", "Patient?identifier=urn:a|1"),
        ("Observation.performer[0]", "Practitioner/1"),
        ("Observation.performer[1]", "Organization?name=a b&active=true"),
        ("Observation.status.extension[0].value", "#p"),
        ("Observation.derivedFrom[0]", "http://example.org/Patient?identifier=1"),
    ]


def test_conditional_references_are_replaced() -> None:
    """Only ``Type?criteria`` is conditional; each is replaced by its target, absolute URLs with a query are not."""
    found = references.conditional(RESOURCE)
    assert found == [
        ("Observation.subject", "Patient?identifier=urn:a|1"),
        ("Observation.performer[1]", "Organization?name=a b&active=true"),
    ]
    kept = copy.deepcopy(RESOURCE)
    result = references.replace_conditional(RESOURCE, {found[0][1]: "Patient/1", found[1][1]: "Organization/2"})
    assert result["subject"] == {"reference": "Patient/1"}
    assert result["performer"][1] == {"reference": "Organization/2"}
    assert references.conditional(result) == []
    assert kept == RESOURCE
