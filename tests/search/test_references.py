"""Every literal local reference is found, wherever it stands."""

from countyfhir.model import json
from countyfhir.search.references import references, references_in

RESOURCE = {
    "resourceType": "DiagnosticReport",
    "contained": [{"resourceType": "Observation", "id": "c", "subject": {"reference": "Patient/in-contained"}}],
    "extension": [{"url": "http://x", "valueReference": {"reference": "Organization/in-extension"}}],
    "subject": {"reference": "Patient/p/_history/3"},
    "result": [{"reference": "#c"}, {"reference": "Observation/o"}, {"reference": "Observation/o"}],
    "resultsInterpreter": [{"reference": "http://our.example/fhir/Practitioner/own"}],
    "performer": [
        {"reference": "http://other/fhir/Practitioner/foreign"},
        {"reference": "urn:uuid:1"},
        {"display": "x"},
    ],
    "_effectiveDateTime": {"extension": [{"url": "u", "valueReference": {"reference": "Device/in-primitive"}}]},
}


def test_references_of_the_whole_tree():
    """Contained resources, extensions and primitive siblings count; contained and foreign targets do not; each once."""
    assert references(RESOURCE, ("http://our.example/fhir",)) == (
        ("Patient", "in-contained"),
        ("Organization", "in-extension"),
        ("Patient", "p"),
        ("Observation", "o"),
        ("Practitioner", "own"),
        ("Device", "in-primitive"),
    )


def test_without_a_base_absolute_references_are_foreign():
    """Only our own base URLs make an absolute reference local."""
    assert ("Practitioner", "own") not in references(RESOURCE)


def test_the_text_gives_what_the_resource_gives():
    """Names and quotes inside of strings mislead nobody; escaped characters of a literal are read."""
    resource = {
        "resourceType": "Basic",
        "id": "reference",
        "code": {"text": 'he said "reference":"Patient/no"', "coding": [{"display": "reference", "code": "reference"}]},
        "subject": {"reference": "Patient/1", "display": '\\"reference\\":"Patient/no"'},
        "author": {"reference": 'http://x/"Patient\\/Patient/2', "_reference": {"id": "Patient/no"}},
        "extension": [{"url": "reference", "valueReference": {"reference": "Group/3"}}, {"valueString": "\\"}],
        "contained": [{"resourceType": "List", "reference": ["Patient/no"], "source": {"reference": "Device/4"}}],
    }
    found = (("Patient", "1"), ("Group", "3"), ("Device", "4"))
    assert references(resource) == references_in(json.dumps(resource)) == found
    assert references(resource, ('http://x/"Patient\\',)) == (found[0], ("Patient", "2"), *found[1:])
