"""$validate-code as HL7's terminology test suite expects it: results, parameters, issues and their kinds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from countyfhir.terminology.checking import Coded, Rules, check
from countyfhir.terminology.knowledge import Terminology, open_terminology
from countyfhir.terminology.value_sets import definition
from tests.terminology.cases import SIMPLE, URL, code_system, concept, include, simple, value_set, where

FOLDING, PART = f"{URL}/CodeSystem/folding", f"{URL}/CodeSystem/part"


@pytest.fixture(scope="module")
def known() -> Iterator[Terminology]:
    """``simple``, a system in which case does not count, and a fragment."""
    made = open_terminology(None)
    made.load(simple())
    made.load(code_system("folding", [concept("Code1")], caseSensitive=False))
    made.load(code_system("part", [concept("a")], content="fragment"))
    yield made
    made.close()


def checked(known: Terminology, resource: dict[str, Any] | None, *codes: Coded, **rules: Any) -> dict[str, Any]:
    """The answer's parameters by name; ``issues`` as (severity, kind, place)."""
    asked = definition(resource) if resource is not None else None
    answer = check(asked, codes, Rules(**rules), known.resolver)["parameter"]
    told = {
        one["name"]: next(value for name, value in one.items() if name.startswith(("value", "resource")))
        for one in answer
    }
    listed = told.get("issues", {}).get("issue", [])
    told["issues"] = [
        (one["severity"], one["details"]["coding"][0]["code"], one.get("expression", [""])[0]) for one in listed
    ]
    return told


ALL = value_set("all", include(), version="1")


def test_a_good_code(known: Terminology) -> None:
    """Code, system, version and display come back; there is nothing to say."""
    assert checked(known, ALL, Coded(SIMPLE, "lung", display="display lung")) == {
        "code": "lung",
        "display": "Display lung",
        "result": True,
        "system": SIMPLE,
        "version": "1.2.0",
        "issues": [],
    }


def test_a_bad_code(known: Terminology) -> None:
    """Not in the value set, and not in the code system."""
    told = checked(known, ALL, Coded(SIMPLE, "foot"))
    assert told["result"] is False
    assert told["issues"] == [("error", "not-in-vs", "code"), ("error", "invalid-code", "code")]
    assert told["message"] == (
        f"The provided code '{SIMPLE}#foot' was not found in the value set '{ALL['url']}|1';"
        f" Unknown code 'foot' in the CodeSystem '{SIMPLE}' version '1.2.0'"
    )
    told = checked(known, None, Coded(SIMPLE, "foot"))
    assert told["issues"] == [("error", "invalid-code", "code")]


def test_a_code_outside_of_the_value_set(known: Terminology) -> None:
    """Known to the code system; its display is told."""
    hearts = value_set("hearts", include(filter=[where("concept", "is-a", "heart")]))
    told = checked(known, hearts, Coded(SIMPLE, "lung", path="Coding"))
    assert (told["result"], told["display"]) == (False, "Display lung")
    assert told["issues"] == [("error", "not-in-vs", "Coding.code")]


def test_an_unknown_code_system(known: Terminology) -> None:
    """It is named; so is a version that is not there."""
    told = checked(known, ALL, Coded("urn:far", "x"))
    assert told["result"] is False
    assert told["x-caused-by-unknown-system"] == "urn:far"
    assert ("error", "not-found", "system") in told["issues"]
    assert (
        "A definition for CodeSystem 'urn:far' could not be found, so the code cannot be validated" in told["message"]
    )
    told = checked(known, ALL, Coded(SIMPLE, "lung", "9.9", path="Coding"))
    assert told["x-caused-by-unknown-system"] == f"{SIMPLE}|9.9"
    assert told["issues"][0] == ("error", "not-found", "Coding.system")
    assert "Valid versions: [1.2.0]" in told["message"]


def test_a_code_that_a_value_set_lists_of_an_unknown_system(known: Terminology) -> None:
    """Membership is certain; that the system is not known is a warning."""
    told = checked(
        known, value_set("far", include("urn:far", concept=[{"code": "x", "display": "X"}])), Coded("urn:far", "x")
    )
    assert (told["result"], told["display"], told["issues"][0][:2]) == (True, "X", ("warning", "not-found"))


@pytest.mark.parametrize(
    ("rules", "result", "severity"), [({}, False, "error"), ({"lenient_display": True}, True, "warning")]
)
def test_a_wrong_display(known: Terminology, rules: dict[str, Any], result: bool, severity: str) -> None:
    """An error, or a warning when that is wanted; the right one is told."""
    told = checked(known, ALL, Coded(SIMPLE, "heart", display="liver"), **rules)
    assert (told["result"], told["display"]) == (result, "Display heart")
    assert told["issues"] == [(severity, "invalid-display", "display")]
    assert told["message"] == (
        f"Wrong Display Name 'liver' for {SIMPLE}#heart. Valid display is 'Display heart' (for the language(s) '--')"
    )


@pytest.mark.parametrize(
    ("languages", "display", "result"),
    [((), "肺", True), (("de",), "Lunge", True), (("de",), "肺", False), (("zh-CN", "de"), "Lunge", True)],
)
def test_displays_by_language(known: Terminology, languages: tuple[str, ...], display: str, result: bool) -> None:
    """Where languages are said, the display is one of them."""
    assert checked(known, ALL, Coded(SIMPLE, "lung", display=display), languages=languages)["result"] is result


def test_case_counts_by_the_code_system(known: Terminology) -> None:
    """Where it does not, the right form is told."""
    told = checked(known, None, Coded(FOLDING, "CODE1"))
    assert (told["result"], told["normalized-code"]) == (True, "Code1")
    assert told["issues"] == [("information", "code-rule", "code")]
    assert "message" not in told
    assert checked(known, None, Coded(SIMPLE, "LUNG"))["result"] is False


def test_inactive_codes(known: Terminology) -> None:
    """They are valid with a word of warning, unless only active ones will do."""
    told = checked(known, ALL, Coded(SIMPLE, "valve"))
    assert (told["result"], told["inactive"], told["status"]) == (True, True, "retired")
    assert told["issues"] == [("warning", "code-comment", "code")]
    only_active = value_set("active", include(), inactive=False)
    for told in (
        checked(known, ALL, Coded(SIMPLE, "valve"), active_only=True),
        checked(known, only_active, Coded(SIMPLE, "valve")),
    ):
        assert told["result"] is False
        assert told["issues"] == [("error", "code-rule", "code"), ("error", "not-in-vs", "code")]


def test_abstract_codes(known: Terminology) -> None:
    """They may be used, unless it is said that they may not."""
    assert checked(known, ALL, Coded(SIMPLE, "organ"))["result"] is True
    told = checked(known, ALL, Coded(SIMPLE, "organ"), abstract=False)
    assert (told["result"], told["issues"]) == (False, [("error", "code-rule", "code")])


def test_fragments_know_not_all_of_their_codes(known: Terminology) -> None:
    """A code that is not there is a warning."""
    told = checked(known, value_set("part", include(PART)), Coded(PART, "b"))
    assert (told["result"], told["issues"]) == (True, [("warning", "invalid-code", "code")])


def test_a_concept_with_codings(known: Terminology) -> None:
    """One valid coding is enough; a local translation does no harm, an unknown code of a known system does."""

    def codings(*codes: tuple[str | None, str]) -> list[Coded]:
        return [Coded(system, code, path=f"CodeableConcept.coding[{at}]") for at, (system, code) in enumerate(codes)]

    told = checked(known, ALL, *codings(("urn:local", "7"), (SIMPLE, "lung")))
    assert (told["result"], told["code"], told["system"]) == (True, "lung", SIMPLE)
    assert len(told["codeableConcept"]["coding"]) == 2
    assert checked(known, ALL, *codings((SIMPLE, "lung"), (SIMPLE, "foot")))["result"] is False
    told = checked(known, ALL, *codings((SIMPLE, "foot")))
    assert told["issues"] == [
        ("error", "not-in-vs", ""),
        ("information", "this-code-not-in-vs", "CodeableConcept.coding[0].code"),
        ("error", "invalid-code", "CodeableConcept.coding[0].code"),
    ]
    assert f"No valid coding was found for the value set '{ALL['url']}|1'" in told["message"]


def test_a_code_without_a_system(known: Terminology) -> None:
    """A plain code is looked for in the systems of the value set; a Coding has none only when it is to be inferred."""
    assert checked(known, ALL, Coded(None, "lung"))["system"] == SIMPLE
    told = checked(known, ALL, Coded(None, "lung", path="Coding"))
    assert (told["result"], told["issues"][0]) == (False, ("warning", "invalid-data", "Coding"))
    assert checked(known, ALL, Coded(None, "lung", path="Coding"), infers_system=True)["result"] is True


def test_an_import_that_is_not_there(known: Terminology) -> None:
    """What cannot be decided is no, and says why."""
    told = checked(known, value_set("lost", {"valueSet": ["urn:lost"]}), Coded(SIMPLE, "lung"))
    assert told["result"] is False
    assert "the value set urn:lost was not found" in told["message"]


def test_drafts_deprecated_and_withdrawn_content(known: Terminology) -> None:
    """A word of information, where the value set is not a draft itself."""
    draft = code_system("draft", [concept("a")], status="draft")
    here = known.with_resources([draft])
    told = checked(here, value_set("good", include(draft["url"])), Coded(draft["url"], "a"))
    assert (told["result"], told["issues"]) == (True, [("information", "status-check", "")])
    assert (
        checked(here, value_set("d", include(draft["url"]), status="draft"), Coded(draft["url"], "a"))["issues"] == []
    )
    standard = "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"
    gone = value_set("gone", include(), extension=[{"url": standard, "valueCode": "withdrawn"}])
    assert checked(known, gone, Coded(SIMPLE, "lung"))["issues"] == [("information", "status-check", "")]
