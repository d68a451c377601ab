"""Extensions are checked wherever they stand: known or not, where they belong, what they hold."""

from __future__ import annotations

from typing import Any

import pytest

from countyfhir.validation.profiles import Profiles
from countyfhir.validation.rules.finding import Finding
from tests.validation.profiles.profile_cases import OURS, R4, around, element, profile


def extension(
    name: str, *elements: dict[str, Any], contexts: tuple[tuple[str, str], ...], **more: Any
) -> dict[str, Any]:
    """The definition of an extension of ours."""
    return profile(
        name,
        "Extension",
        *elements,
        element("Extension.url", fixedUri=OURS + name),
        kind="complex-type",
        context=[{"type": kind, "expression": expression} for kind, expression in contexts],
        **more,
    )


CODE = (element("Extension.extension", max="0"), element("Extension.value[x]", min=1, type=[{"code": "code"}]))
VILLAGE = extension("village", *CODE, contexts=(("element", "Patient"), ("element", "HumanName.family")))
PART = extension("part", *CODE, contexts=(("extension", OURS + "whole"),))
WHOLE = extension(
    "whole",
    element("Extension.extension", slicing={"discriminator": [{"type": "value", "path": "url"}], "rules": "closed"}),
    element("Extension.extension:kind", min=1, max="1"),
    element("Extension.extension:kind.url", fixedUri="kind"),
    element("Extension.extension:kind.value[x]", min=1, type=[{"code": "code"}]),
    element("Extension.extension:part", max="1", type=[{"code": "Extension", "profile": [OURS + "part"]}]),
    contexts=(("element", "Element"),),
)
MALE = extension("male-only", *CODE, contexts=(("fhirpath", "Patient.contact.where(gender = 'male')"),))
ADULT = extension("adult", *CODE, contexts=(("element", "Patient"),), contextInvariant=["birthDate < @2000-01-01"])
NEGATION = extension("negation", element("Extension", isModifier=True), *CODE, contexts=(("element", "Patient"),))
PROFILES = Profiles([VILLAGE, PART, WHOLE, MALE, ADULT, NEGATION])


def found(resource: dict[str, Any], unknown: str | None = None) -> list[Finding]:
    """What is wrong with the extensions of a resource."""
    return PROFILES.checks.extension_findings(resource, around(resource), unknown)


def coded(name: str, code: Any = "a") -> dict[str, Any]:
    """One of the extensions with a code."""
    return {"url": OURS + name, "valueCode": code}


def patient(*extensions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A Patient with these extensions."""
    return {"resourceType": "Patient", **({"extension": [*extensions]} if extensions else {}), **more}


@pytest.mark.parametrize(
    ("resource", "places"),
    [
        (patient(coded("village")), []),
        (patient(name=[{"family": "a", "_family": {"extension": [coded("village")]}}]), []),
        (patient(name=[{"extension": [coded("village")]}]), [".name[0].extension[0]"]),
        (patient({"url": OURS + "village", "valueString": "a"}), [".extension[0].value"]),
        (patient({"url": OURS + "village"}), [".extension[0]"]),
        (patient(coded("part")), [".extension[0]"]),
        (patient(contact=[{"gender": "male", "extension": [coded("male-only")]}]), []),
        (patient(contact=[{"gender": "female", "extension": [coded("male-only")]}]), [".contact[0].extension[0]"]),
        (patient(coded("adult"), birthDate="1960-01-01"), []),
        (patient(coded("adult"), birthDate="2010-01-01"), [".extension[0]"]),
        (patient(modifierExtension=[coded("negation")]), []),
        (patient(coded("negation")), [".extension[0]"]),
        (patient(modifierExtension=[coded("village")]), [".modifierExtension[0]"]),
        (patient(modifierExtension=[{"url": "urn:unknown", "valueCode": "a"}]), [".modifierExtension[0].url"]),
        (patient(contained=[patient(coded("male-only"))]), [".contained[0].extension[0]"]),
    ],
)
def test_where_and_how_extensions_may_be_used(resource: dict[str, Any], places: list[str]) -> None:
    """Context by element, by FHIRPath, by the extension around; invariant of the context; modifiers; values."""
    assert [one.path for one in found(resource) if one.severity == "error"] == places


def test_complex_extensions() -> None:
    """Parts are checked by the extension they are parts of, and by their own definition when they have one."""
    kind = {"url": "kind", "valueCode": "k"}
    good = {"url": OURS + "whole", "extension": [kind, coded("part")]}
    assert found(patient(name=[{"given": ["a"], "_given": [{"extension": [good]}]}])) == []
    (missing,) = found(patient({"url": OURS + "whole", "extension": [coded("part")]}))
    assert missing.path == ".extension[0]"
    assert "kind" in missing.text
    (strange,) = found(patient({"url": OURS + "whole", "extension": [kind, {"url": "other", "valueCode": "k"}]}))
    assert strange.path == ".extension[0].extension[1]"


def test_unknown_extensions_are_said_as_asked() -> None:
    """An unknown extension is nothing, information or a warning; never an error."""
    resource = patient({"url": "https://elsewhere.example/x", "valueCode": "a"})
    assert found(resource, None) == []
    assert [one.severity for one in found(resource, "information")] == ["information"]
    assert [one.severity for one in found(resource, "warning")] == ["warning"]


def test_official_extensions_are_known() -> None:
    """R4's own definitions count: a birthTime holds a dateTime and stands on a birthDate."""
    time = {"url": R4 + "patient-birthTime", "valueDateTime": "1950-01-01T10:00:00+08:00"}
    assert found(patient(birthDate="1950-01-01", _birthDate={"extension": [time]})) == []
    assert [one.path for one in found(patient(time)) if one.severity == "error"] == [".extension[0]"]
