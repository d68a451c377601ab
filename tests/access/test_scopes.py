"""SMART scope texts are read as SMART App Launch 2.2 says, and nothing else is."""

from __future__ import annotations

import pytest

from countyfhir.access.scopes import Scope, is_clinical, parse, split
from countyfhir.model.definitions import definitions
from countyfhir.outcome import FhirError


@pytest.mark.parametrize(
    ("text", "context", "resource_type", "letters"),
    [
        ("system/Patient.rs", "system", "Patient", "rs"),
        ("user/*.cruds", "user", "*", "cruds"),
        ("patient/Observation.cu", "patient", "Observation", "cu"),
        ("system/Patient.read", "system", "Patient", "rs"),
        ("user/Patient.write", "user", "Patient", "cud"),
        ("patient/*.*", "patient", "*", "cruds"),
    ],
)
def test_scopes_of_both_versions(text: str, context: str, resource_type: str, letters: str) -> None:
    """v2 letters are taken as they are; v1 words mean rs, cud and cruds."""
    assert parse(text) == Scope(context, resource_type, frozenset(letters))


def test_search_parameters_of_a_scope_are_decoded() -> None:
    """What stands after the question mark becomes decoded pairs, in order."""
    text = "patient/Observation.rs?category=http://example.org/category%7Claboratory&_security=R&code=a+b"
    assert parse(text).query == (
        ("category", "http://example.org/category|laboratory"),
        ("_security", "R"),
        ("code", "a b"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "system/Patient",
        "system/Patient.",
        "system/Patient.sr",
        "system/Patient.dus",
        "system/Patient.rr",
        "system/Patient.x",
        "system/patient.r",
        "System/Patient.r",
        "tenant/Patient.r",
        "system/Patient.rs?",
        "system/Patient.rs?name",
        "system/Patient.rs?=x",
        "system/Patient.rs?_count=5",
        "system/Patient.rs?_has:Observation:patient:code=1",
        "system/Observation.rs?subject.name=x",
        "system/Pat/ient.r",
        "openid",
        "",
    ],
)
def test_what_is_no_scope_is_refused(text: str) -> None:
    """Unknown letters, letters out of order, unknown contexts and parameters that select nothing are errors."""
    with pytest.raises(FhirError) as caught:
        parse(text)
    assert caught.value.status == 400


def test_the_type_must_exist() -> None:
    """With the types of R4 at hand, a type that is none of them is refused."""
    types = definitions().resource_types
    assert parse("system/Patient.r", types).resource_type == "Patient"
    with pytest.raises(FhirError, match="Pateint is not a resource type"):
        parse("system/Pateint.r", types)


def test_other_scopes_are_not_clinical() -> None:
    """openid, launch and their like are no scopes for resources."""
    assert [text for text in ("openid", "launch/patient", "offline_access", "user/Patient.r") if is_clinical(text)] == [
        "user/Patient.r"
    ]


def test_a_scope_claim_is_a_text_or_a_list() -> None:
    """Both forms in use give the same scopes."""
    assert split("openid  system/*.rs") == split(["openid", "system/*.rs"]) == ("openid", "system/*.rs")
