"""Value sets are listed and asked alike: filters, excludes, imports, circles, pages, languages, properties."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from countyfhir.outcome import FhirError
from countyfhir.terminology.expansion import MOST_AT_ONCE, Shape, expanded
from countyfhir.terminology.knowledge import Terminology, open_terminology
from countyfhir.terminology.membership import contains
from countyfhir.terminology.selecting import Selection
from countyfhir.terminology.value_sets import definition
from countyfhir.terminology.versions import Versions
from tests.terminology.cases import SIMPLE, URL, code_system, concept, include, simple, value_set, where

ALL = ["organ", "heart", "valve", "ventricle", "lung", "other"]


@pytest.fixture(scope="module")
def known() -> Iterator[Terminology]:
    """R4's content and ``simple``."""
    made = open_terminology(None)
    made.load(simple())
    yield made
    made.close()


def listed(known: Terminology, resource: dict[str, Any], wanted: Selection | None = None, **shape: Any) -> Any:
    """The expansion of a value set."""
    found = expanded(
        definition(resource), wanted or Selection(), Shape(**shape), known.resolver, timestamp="2026-01-01T00:00:00Z"
    )
    return found["expansion"]


def codes(expansion: dict[str, Any]) -> list[str]:
    """Its codes in order."""
    return [one["code"] for one in expansion.get("contains", [])]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], ALL),
        ([where("concept", "is-a", "heart")], ["heart", "valve", "ventricle"]),
        ([where("concept", "descendent-of", "organ")], ["heart", "valve", "ventricle", "lung"]),
        ([where("concept", "is-not-a", "organ")], ["other"]),
        ([where("concept", "generalizes", "valve")], ["organ", "heart", "valve"]),
        ([where("code", "in", "lung,other")], ["lung", "other"]),
        ([where("code", "not-in", "lung,other")], ["organ", "heart", "valve", "ventricle"]),
        ([where("code", "regex", "v.*")], ["valve", "ventricle"]),
        ([where("parent", "=", "heart")], ["valve", "ventricle"]),
        ([where("child", "=", "valve")], ["heart"]),
        ([where("side", "=", "both")], ["ventricle", "lung"]),
        ([where("side", "in", "both,left")], ["valve", "ventricle", "lung"]),
        ([where("side", "not-in", "both")], ["organ", "heart", "valve", "other"]),
        ([where("side", "exists", "true")], ["valve", "ventricle", "lung"]),
        ([where("side", "exists", "false")], ["organ", "heart", "other"]),
        ([where("side", "regex", "b.*|x")], ["ventricle", "lung"]),
        ([where("display", "regex", "Display l.*")], ["lung"]),
        ([where("concept", "is-a", "heart"), where("side", "=", "both")], ["ventricle"]),
        ([where("notSelectable", "=", "true")], ["organ"]),
        ([where("concept", "is-a", "foot")], []),
    ],
)
def test_filters(known: Terminology, filters: list[dict[str, str]], expected: list[str]) -> None:
    """Listing and asking give the same, and a page is cut from the same list."""
    resource = value_set("filtered", include(filter=filters) if filters else include())
    assert codes(listed(known, resource)) == expected
    assert codes(listed(known, resource, Selection(offset=1, count=2))) == expected[1:3]
    asked = definition(resource)
    assert [code for code in ALL if contains(asked, SIMPLE, code, known.resolver)] == expected


@pytest.mark.parametrize(
    ("name", "operator", "value"),
    [("side", "generalizes", "x"), ("side", "regex", "(a+)+"), ("code", "regex", "("), ("code", "regex", "a" * 400)],
)
def test_what_cannot_be_decided_is_refused(known: Terminology, name: str, operator: str, value: str) -> None:
    """Never passed over."""
    with pytest.raises(FhirError) as refused:
        listed(known, value_set("refused", include(filter=[where(name, operator, value)])))
    assert refused.value.status == 422


def test_lists_keep_their_order_their_displays_and_leave_out_what_is_not_there(known: Terminology) -> None:
    """A display of the value set is shown before that of the code system."""
    listing = [{"code": "lung", "display": "the lung"}, {"code": "foot"}, {"code": "heart"}]
    expansion = listed(known, value_set("list", include(concept=listing)))
    assert [(one["code"], one["display"]) for one in expansion["contains"]] == [
        ("lung", "the lung"),
        ("heart", "Display heart"),
    ]
    assert {"name": "used-codesystem", "valueUri": f"{SIMPLE}|1.2.0"} in expansion["parameter"]


def test_lists_of_unknown_code_systems_are_answered_and_marked(known: Terminology) -> None:
    """LOINC codes that a value set lists need no LOINC."""
    expansion = listed(known, value_set("far", include("urn:far", concept=[{"code": "1", "display": "One"}])))
    assert expansion["contains"] == [{"system": "urn:far", "code": "1", "display": "One"}]
    assert {"name": "x-unknown-system", "valueUri": "urn:far"} in expansion["parameter"]


def test_excludes_imports_and_intersections(known: Terminology) -> None:
    """An exclude takes away; value sets beside each other intersect, includes unite, each code once."""
    hearts = value_set("hearts", include(filter=[where("concept", "is-a", "heart")]))
    both = value_set("both", include(filter=[where("side", "=", "both")]))
    here = known.with_resources([hearts, both])
    cases: dict[str, dict[str, Any]] = {
        "organ,lung,other": value_set("x", include(), exclude=[{"valueSet": [hearts["url"]]}]),
        "ventricle": value_set("x", {"valueSet": [hearts["url"], both["url"]]}),
        "heart,valve,ventricle,lung": value_set("x", {"valueSet": [hearts["url"]]}, {"valueSet": [both["url"]]}),
        "lung": value_set("x", include(filter=[where("code", "regex", "l.*")], valueSet=[both["url"]])),
        "heart,valve": value_set(
            "x", {"valueSet": [hearts["url"]]}, exclude=[include(concept=[{"code": "ventricle"}])]
        ),
        "": value_set("x", include(), exclude=[include()]),
    }
    for expected, resource in cases.items():
        assert ",".join(codes(listed(here, resource))) == expected
        asked = definition(resource)
        assert [one for one in ALL if contains(asked, SIMPLE, one, here.resolver)] == [
            one for one in expected.split(",") if one
        ]


def test_circles_and_missing_imports_are_told(known: Terminology) -> None:
    """422 for a circle, 404 for a value set that is not known."""
    first = value_set("first", {"valueSet": [f"{URL}/ValueSet/second"]})
    second = value_set("second", {"valueSet": [f"{URL}/ValueSet/first"]})
    here = known.with_resources([first, second])
    for resource, status in ((first, 422), (value_set("lost", {"valueSet": ["urn:lost"]}), 404)):
        with pytest.raises(FhirError) as refused:
            listed(here, resource)
        assert refused.value.status == status
    assert here.member(first["url"], SIMPLE, "lung") is None


def test_inactive_and_abstract_codes(known: Terminology) -> None:
    """They are marked, or left out when only active or selectable ones are wanted."""
    marked = {one["code"]: one for one in listed(known, value_set("all", include()))["contains"]}
    assert marked["valve"]["inactive"] is True
    assert marked["organ"]["abstract"] is True
    assert "inactive" not in marked["heart"]
    assert "valve" not in codes(listed(known, value_set("all", include()), Selection(active_only=True)))
    assert "valve" not in codes(listed(known, value_set("all", include(), inactive=False)))
    assert "organ" not in codes(listed(known, value_set("all", include()), Selection(selectable_only=True)))


def test_nested_expansions_follow_the_hierarchy(known: Terminology) -> None:
    """Only as far as the value set has it."""
    tree = listed(known, value_set("all", include()), nested=True)
    assert codes(tree) == ["organ", "other"]
    assert codes(tree["contains"][0]) == ["heart", "lung"]
    assert tree["total"] == 6
    part = listed(known, value_set("part", include(filter=[where("code", "in", "organ,valve")])), nested=True)
    assert codes(part) == ["organ", "valve"]


def test_pages_and_what_is_too_much(known: Terminology) -> None:
    """A count pages; without one a large value set is refused with advice."""
    many = code_system("many", [concept(f"m{number}") for number in range(MOST_AT_ONCE + 1)])
    here = known.with_resources([many])
    for resource in (value_set("many", include(many["url"])), value_set("two", include(many["url"]), include())):
        with pytest.raises(FhirError) as refused:
            listed(here, resource)
        assert refused.value.issues[0].code == "too-costly"
        page = listed(here, resource, Selection(offset=1000, count=3))
        assert codes(page)[0] == "m1000"
        assert page["offset"] == 1000
        assert page["total"] >= MOST_AT_ONCE + 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LUNG", ["lung"]),
        ("肺", ["lung"]),
        ("器官", ["other"]),
        ("qtqg", ["other"]),
        ("disp val", ["valve"]),
        ("官器", []),
    ],
)
def test_text_filters(known: Terminology, text: str, expected: list[str]) -> None:
    """Codes, displays, designations; Chinese anywhere; pinyin initials; the same for lists and for filters."""
    assert codes(listed(known, value_set("all", include()), Selection(text=text))) == expected
    assert codes(listed(known, value_set("all", include()), Selection(text=text, count=9))) == expected
    listing = value_set("list", include(concept=[{"code": code} for code in ALL]))
    assert codes(listed(known, listing, Selection(text=text))) == expected


def test_languages_designations_and_properties(known: Terminology) -> None:
    """The display in the language that is wanted; designations all or as asked; properties in R4's form."""
    lung = value_set("lung", include(filter=[where("code", "=", "lung")]))
    shown = {
        wanted: listed(known, lung, languages=(wanted,))["contains"][0]["display"]
        for wanted in ("zh", "zh-CN", "de", "fr")
    }
    assert shown == {"zh": "肺", "zh-CN": "肺", "de": "Lunge", "fr": "Display lung"}
    assert len(listed(known, lung, with_designations=True)["contains"][0]["designation"]) == 2
    chinese = listed(known, lung, with_designations=True, designations=("urn:ietf:bcp:47|zh",))
    assert [one["value"] for one in chinese["contains"][0]["designation"]] == ["肺"]
    extension = listed(known, lung, properties=("side",))["contains"][0]["extension"][0]
    assert extension["extension"] == [{"url": "code", "valueCode": "side"}, {"url": "value", "valueCode": "both"}]


def test_supplements_add_designations_and_properties(known: Terminology) -> None:
    """They are used without being asked for, and named in the parameters."""
    added = {"code": "heart", "designation": [{"language": "fr", "value": "cœur"}]}
    supplement = code_system("french", [added], content="supplement", supplements=SIMPLE)
    here = known.with_resources([supplement])
    heart = value_set("heart", include(filter=[where("code", "=", "heart")]))
    expansion = listed(here, heart, languages=("fr",))
    assert expansion["contains"][0]["display"] == "cœur"
    assert {"name": "used-supplement", "valueUri": supplement["url"]} in expansion["parameter"]
    assert here.display_matches(SIMPLE, "heart", "CŒUR") is True


def test_versions_of_a_request(known: Terminology) -> None:
    """default < stated < forced; a check that does not hold is an error."""
    older = simple() | {"version": "1.0.0", "concept": [concept("old")]}
    here = known.with_resources([older])
    plain, fixed = value_set("plain", include()), value_set("fixed", include(version="1.2.0"))
    old = {SIMPLE: "1.0.0"}
    assert codes(listed(here, plain)) == ALL
    assert codes(listed(here, plain, Selection(versions=Versions(default=old)))) == ["old"]
    assert codes(listed(here, fixed, Selection(versions=Versions(default=old)))) == ALL
    assert codes(listed(here, fixed, Selection(versions=Versions(force=old)))) == ["old"]
    with pytest.raises(FhirError):
        listed(here, fixed, Selection(versions=Versions(check=old)))
    with pytest.raises(FhirError):
        listed(here, value_set("none", include(version="7")))
