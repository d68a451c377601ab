"""Every literal local reference is found, wherever it stands."""

from countyfhir.search.references import references

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
