"""Which expressions are plain paths, and how they are read."""

import pytest

from countyfhir.search.paths import Filter, Path, Step, branches


@pytest.mark.parametrize(
    ("expression", "paths"),
    [
        ("Patient.name.family", [Path((Step("name"), Step("family")), "Patient")]),
        ("name | alias", [Path((Step("name"),)), Path((Step("alias"),))]),
        ("(Observation.value as Quantity)", [Path((Step("value", "Quantity"),), "Observation")]),
        ("Condition.onset.as(Age)", [Path((Step("onset", "Age"),), "Condition")]),
        (
            "(Observation.value as CodeableConcept).text",
            [Path((Step("value", "CodeableConcept"), Step("text")), "Observation")],
        ),
        ("value.as(Quantity) | value.as(Range)", [Path((Step("value", "Quantity"),)), Path((Step("value", "Range"),))]),
        ("A.b.where(resolve() is Patient)", [Path((Step("b", None, (Filter("resolve", "Patient"),)),), "A")]),
        ("A.b.where(type='x').c", [Path((Step("b", None, (Filter("where", "type", "x"),)), Step("c")), "A")]),
        (
            "Bundle.entry[0].resource",
            [Path((Step("entry", None, (Filter("index", "0"),)), Step("resource")), "Bundle")],
        ),
        ("%resource.referenceSeq", [Path((Step("referenceSeq"),), "%resource")]),
        ("Observation", [Path((), "Observation")]),
        (
            "A.extension('http://x').value",
            [Path((Step("extension", None, (Filter("where", "url", "http://x"),)), Step("value")), "A")],
        ),
    ],
)
def test_plain_paths(expression, paths):
    """The shapes that R4's expressions have."""
    assert branches(expression) == tuple(paths)


@pytest.mark.parametrize(
    "expression",
    [
        "Patient.deceased.exists() and Patient.deceased != false",
        "name.first()",
        "name.where(use = 'official' and family = 'x')",
        "A.b[0].c[1]",
        "iif(a, b, c)",
        "a.b +",
        "a as",
        "'text'",
        "",
        "(a",
        "%other.a",
        "a.where(b='it\\'s')",
    ],
)
def test_everything_else_is_left_to_fhirpath(expression):
    """Functions, operators, nested indexes and broken text are no plain paths."""
    assert branches(expression) is None
