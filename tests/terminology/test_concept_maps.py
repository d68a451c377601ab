"""Concept maps in both directions: dependencies, products, what is not listed, other maps."""

from __future__ import annotations

from typing import Any

import pytest

from countyfhir.terminology.concept_maps import ConceptMap, Match, concept_map, translated

MAP: dict[str, Any] = {
    "resourceType": "ConceptMap",
    "url": "urn:map",
    "version": "2",
    "group": [
        {
            "source": "urn:a",
            "target": "urn:b",
            "element": [
                {"code": "1", "display": "One", "target": [{"code": "x", "equivalence": "wider"}]},
                {
                    "code": "2",
                    "target": [
                        {
                            "code": "y",
                            "equivalence": "equivalent",
                            "dependsOn": [{"property": "urn:sex", "value": "male"}],
                            "product": [{"property": "urn:side", "system": "urn:s", "value": "left"}],
                        },
                        {
                            "code": "z",
                            "equivalence": "inexact",
                            "dependsOn": [{"property": "urn:sex", "value": "female"}],
                        },
                    ],
                },
                {"code": "3", "target": [{"equivalence": "unmatched"}]},
            ],
            "unmapped": {"mode": "provided"},
        },
        {"source": "urn:c", "target": "urn:d", "element": [], "unmapped": {"mode": "fixed", "code": "other"}},
        {"source": "urn:e", "target": "urn:b", "element": [], "unmapped": {"mode": "other-map", "url": "urn:further"}},
    ],
}


def told(found: list[Match]) -> list[tuple[str, Any]]:
    """(equivalence, code)."""
    return [(one.equivalence, one.coding.get("code")) for one in found]


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        ("urn:a", "1", [("wider", "x")]),
        ("urn:a", "3", [("unmatched", None)]),
        ("urn:a", "2", []),
        ("urn:a", "9", [("equal", "9")]),
        ("urn:c", "9", [("relatedto", "other")]),
        ("urn:e", "1", [("equal", "far")]),
        ("urn:zz", "1", []),
        (None, "1", [("wider", "x"), ("relatedto", "other"), ("equal", "far")]),
    ],
)
def test_forward(system: str | None, code: str, expected: list[tuple[str, str]]) -> None:
    """As each group says."""
    further = {"url": "urn:further", "group": [{"source": "urn:e", "target": "urn:b", "element": [
        {"code": "1", "target": [{"code": "far", "equivalence": "equal"}]}]}]}  # fmt: skip

    def find(url: str) -> ConceptMap | None:
        return concept_map(further) if url == "urn:further" else None

    assert told(translated(concept_map(MAP), system, code, find=find)) == expected


def test_dependencies_choose_the_target_and_products_come_along() -> None:
    """A target whose dependency is not met is none."""
    found = translated(concept_map(MAP), "urn:a", "2", dependencies={"urn:sex": "male"})
    assert told(found) == [("equivalent", "y")]
    assert found[0].products[0]["value"] == "left"
    assert found[0].source == "urn:map|2"


def test_backward() -> None:
    """Wider becomes narrower; the source is told with its display."""
    found = translated(concept_map(MAP), "urn:b", "x", reverse=True)
    assert told(found) == [("narrower", "1")]
    assert found[0].coding == {"system": "urn:a", "code": "1", "display": "One"}
    assert translated(concept_map(MAP), "urn:b", "x", reverse=True, target="urn:zz") == []


def test_maps_that_hand_over_in_a_circle_end() -> None:
    """After a few maps."""
    circle = concept_map(
        {
            "url": "urn:o",
            "group": [{"source": "s", "target": "t", "element": [], "unmapped": {"mode": "other-map", "url": "urn:o"}}],
        }
    )
    assert translated(circle, "s", "1", find=lambda _: circle) == []
