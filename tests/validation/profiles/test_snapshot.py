"""A snapshot says everything of a profile that its parent, its differential and the types walked into say."""

from __future__ import annotations

from typing import Any

import pytest

from countyfhir.validation.profiles import NoSnapshot, Profiles, snapshot
from tests.validation.profiles.profile_cases import OURS, R4, element, profile, sliced


def made(*structures: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The elements of the last one's snapshot, by id."""
    found = Profiles(structures).structure(structures[-1]["url"])
    assert found is not None
    return {one["id"]: one for one in found["snapshot"]["element"]}


def test_untouched_elements_are_those_of_the_parent_in_its_order() -> None:
    """A differential of one element leaves all others as they are."""
    patient = Profiles().structure(R4 + "Patient")
    assert patient is not None
    elements = made(profile("p", "Patient", element("Patient.birthDate", min=1)))
    assert list(elements) == [one["id"] for one in patient["snapshot"]["element"]]
    assert elements["Patient.birthDate"]["min"] == 1
    assert elements["Patient.birthDate"]["base"] == {"path": "Patient.birthDate", "min": 0, "max": "1"}


def test_texts_may_continue_and_lists_grow() -> None:
    """A definition that begins with three dots is added; constraints, aliases and mappings are added by key."""
    parent = profile(
        "a",
        "Patient",
        element("Patient", constraint=[{"key": "c-1", "severity": "error", "human": "h", "expression": "true"}]),
    )
    child = profile(
        "b",
        "a",
        element("Patient", definition="...More.", constraint=[{"key": "c-2", "severity": "warning", "human": "h"}]),
        type="Patient",
    )
    root = made(parent, child)["Patient"]
    assert root["definition"].endswith("\r\nMore.")
    keys = {one["key"]: one.get("source") for one in root["constraint"]}
    assert keys["c-1"] == OURS + "a"
    assert keys["c-2"] == OURS + "b"
    assert "dom-2" in keys


def test_walks_into_datatypes_and_profiles_of_datatypes() -> None:
    """Below an element come the elements of its type, or of the only profile of its type."""
    named = profile("name", "HumanName", element("HumanName.family", min=1, max="1"), kind="complex-type")
    user = profile(
        "p",
        "Patient",
        element("Patient.name", type=[{"code": "HumanName", "profile": [OURS + "name"]}]),
        element("Patient.name.given", max="1"),
    )
    elements = made(named, user)
    assert elements["Patient.name.family"]["min"] == 1
    assert elements["Patient.name.given"]["max"] == "1"
    assert elements["Patient.name.period"]["path"] == "Patient.name.period"


def test_walks_into_content_references() -> None:
    """Items of items are those of the questionnaire, and no longer a reference to them."""
    elements = made(profile("q", "Questionnaire", element("Questionnaire.item.item.linkId", maxLength=5)))
    assert elements["Questionnaire.item.item.linkId"]["maxLength"] == 5
    assert "contentReference" not in elements["Questionnaire.item.item"]
    assert elements["Questionnaire.item.item.item"]["contentReference"] == "#Questionnaire.item"
    assert "maxLength" not in elements["Questionnaire.item.linkId"]


def test_a_shortcut_is_a_slice_of_the_choice() -> None:
    """valueQuantity alone restricts the choice to Quantity; beside another it only slices."""
    alone = made(profile("p", "Observation", element("Observation.valueQuantity.code", min=1)))
    assert [one["code"] for one in alone["Observation.value[x]"]["type"]] == ["Quantity"]
    assert alone["Observation.value[x]"]["slicing"]["rules"] == "closed"
    assert alone["Observation.value[x]:valueQuantity.code"]["min"] == 1
    both = made(
        profile(
            "p",
            "Observation",
            element("Observation.valueQuantity.code", min=1),
            element("Observation.valueString", maxLength=9),
        )
    )
    assert len(both["Observation.value[x]"]["type"]) == 11
    assert both["Observation.value[x]:valueString"]["type"] == [{"code": "string"}]


def test_extensions_are_sliced_without_saying_so() -> None:
    """A slice of extensions brings the slicing by url."""
    elements = made(profile("p", "Patient", element("Patient.extension:village", max="1")))
    assert elements["Patient.extension"]["slicing"]["discriminator"] == [{"type": "value", "path": "url"}]
    assert elements["Patient.extension:village"]["min"] == 0


def test_slices_below_slices_and_reslices() -> None:
    """What is said of a slice stays in the slice; a reslice lies below the slice it divides."""
    elements = made(
        profile(
            "p",
            "Patient",
            element("Patient.identifier", slicing=sliced("value", "system")),
            element("Patient.identifier:card", min=1),
            element("Patient.identifier:card.type.coding", slicing=sliced("value", "system")),
            element("Patient.identifier:card.type.coding:national", min=1),
            element("Patient.identifier:card", slicing=sliced("value", "use")),
            element("Patient.identifier:card/old", max="1"),
        )
    )
    ids = list(elements)
    assert elements["Patient.identifier:card.type.coding:national"]["sliceName"] == "national"
    assert "Patient.identifier.type.coding" not in elements
    assert ids.index("Patient.identifier:card/old") > ids.index("Patient.identifier:card.value")
    assert elements["Patient.identifier:card/old"]["sliceName"] == "card/old"


def test_a_child_profile_constrains_the_slices_of_its_parent() -> None:
    """A slice that is inherited is changed, not made again."""
    parent = profile(
        "a",
        "Patient",
        element("Patient.identifier", slicing=sliced("value", "system")),
        element("Patient.identifier:card", min=0, max="1"),
        element("Patient.identifier:card.system", fixedUri="urn:card"),
    )
    child = profile("b", "a", element("Patient.identifier:card", min=1, sliceIsConstraining=True), type="Patient")
    elements = made(parent, child)
    assert elements["Patient.identifier:card"]["min"] == 1
    assert elements["Patient.identifier:card"]["max"] == "1"
    assert elements["Patient.identifier:card.system"]["fixedUri"] == "urn:card"
    assert sum(one.startswith("Patient.identifier:card.system") for one in elements) == 1


def test_a_sparse_differential_without_ids_is_placed_by_path_and_slice_name() -> None:
    """Older profiles have no ids: what follows a slice belongs to it."""
    bare = [
        {"path": "Observation.component", "slicing": sliced("value", "code")},
        {"path": "Observation.component", "sliceName": "a", "min": 1},
        {"path": "Observation.component.code", "patternCodeableConcept": {"text": "a"}},
        {"path": "Observation.component", "sliceName": "b"},
        {"path": "Observation.component.code", "patternCodeableConcept": {"text": "b"}},
    ]
    elements = made(profile("p", "Observation", *bare))
    assert elements["Observation.component:a.code"]["patternCodeableConcept"] == {"text": "a"}
    assert elements["Observation.component:b.code"]["patternCodeableConcept"] == {"text": "b"}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (profile("p", "Patient", element("Patient.colour", min=1)), "Patient has no element colour"),
        (profile("p", "Patient", element("Observation.code", min=1)), "begins with Observation"),
        (profile("p", "Patient", {"min": 1}), "an element has no path"),
        (profile("p", "nowhere", element("Patient"), type="Patient"), "nowhere is not known"),
        (profile("p", "p", element("Patient"), type="Patient"), "derives from itself"),
        (profile("p", "Patient", element("Patient.id.more", min=1)), "has no elements below it"),
    ],
)
def test_what_does_not_fit_is_said(broken: dict[str, Any], said: str) -> None:
    """A differential that does not fit, and a parent that is not known, stop the snapshot with a sentence."""
    with pytest.raises(NoSnapshot, match=said):
        Profiles([broken]).structure(broken["url"])


def test_a_definition_without_differential_keeps_its_snapshot() -> None:
    """Logical models and the like are taken as they are."""
    bare = {"resourceType": "StructureDefinition", "url": "urn:x", "snapshot": {"element": [{"path": "X"}]}}
    assert snapshot(bare, lambda url: None) is bare
