"""The official R4 examples keep the invariants and bindings of R4, but for those in rules_baseline.json."""

import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from countyfhir.model.library import base_resources, examples
from countyfhir.terminology.knowledge import open_terminology
from countyfhir.validation.check import ERRORS, check
from countyfhir.validation.rules.bindings import LANGUAGES, MAXIMUM
from countyfhir.validation.rules.corrections import BEST_PRACTICE
from countyfhir.validation.rules.finding import knowledge_of

FAULTY = json.loads((Path(__file__).parent / "rules_baseline.json").read_text())
ARCHIVE = Path(__file__).parents[1] / "data" / "r4-examples.tar.xz"
EXTENSION = "http://hl7.org/fhir/StructureDefinition/elementdefinition-"
decode = msgspec.json.Decoder(float_hook=Decimal).decode


@pytest.mark.slow
def test_official_examples_pass_with_everything_that_can_be_said():
    """Of 728 published examples twelve are faulty, for the reasons listed; no other gives an error."""
    terminology = open_terminology(None)
    knowledge = knowledge_of(terminology)
    refused, undecided = set(), set()
    for name, content in examples(ARCHIVE):
        issues = check(decode(content), knowledge)
        if any(issue.severity in ERRORS for issue in issues):
            refused.add(name)
        undecided |= {(name, issue.details) for issue in issues if issue.code == "processing"}
    terminology.close()
    assert refused == set(FAULTY)
    assert not undecided, "an invariant could not be evaluated"


def definitions_of_elements():
    """Every element of R4's own types."""
    for structure in base_resources(("StructureDefinition",)):
        if structure.get("derivation") != "constraint":
            yield from structure.get("snapshot", {}).get("element", [])


@pytest.mark.slow
def test_best_practice_and_maximum_bindings_are_those_that_r4_marks():
    """The tables name just what the published definitions mark with their extensions."""
    best, maximum = set(), {}
    for element in definitions_of_elements():
        for constraint in element.get("constraint", []):
            if any(one["url"] == EXTENSION + "bestpractice" for one in constraint.get("extension", [])):
                best.add(constraint["key"])
        binding = element.get("binding", {})
        for one in binding.get("extension", []):
            if one["url"] == EXTENSION + "maxValueSet":
                maximum.setdefault(one["valueCanonical"].rpartition("/")[2], set()).add(
                    binding["valueSet"] if one["valueCanonical"].endswith("all-languages") else element["path"]
                )
    assert best == BEST_PRACTICE
    assert maximum == {
        "all-languages": {LANGUAGES},
        "all-time-units": {"Age", "Duration"},
        "all-distance-units": {"Distance"},
        "bcp13.txt": {"Expression.language"},
    }
    assert set(MAXIMUM) == {"Age", "Duration", "Distance"}
