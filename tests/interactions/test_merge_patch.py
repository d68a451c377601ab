"""A merge patch does what RFC 7396 says."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from countyfhir.interactions.patch_formats import merge_patch
from countyfhir.outcome import FhirError

APPENDIX: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), APPENDIX)
def test_merging(target: Any, patch: Any, result: Any) -> None:
    """The cases of the RFC's appendix A; neither argument is changed."""
    kept = copy.deepcopy((target, patch))
    assert merge_patch.merged(target, patch) == result
    assert (target, patch) == kept


def test_a_resource_is_merged() -> None:
    """null removes an element, arrays are replaced whole, and what is emptied goes."""
    patient = {
        "resourceType": "Patient",
        "id": "1",
        "active": True,
        "maritalStatus": {"text": "x"},
        "name": [{"text": "a"}],
    }
    document = {
        "active": None,
        "maritalStatus": {"text": None},
        "name": [{"text": "b"}, {"text": "c"}],
        "gender": "male",
    }
    assert merge_patch.apply(patient, document) == {
        "resourceType": "Patient",
        "id": "1",
        "name": [{"text": "b"}, {"text": "c"}],
        "gender": "male",
    }


@pytest.mark.parametrize(
    ("document", "status"), [([], 400), ({"id": "2"}, 422), ({"id": None}, 422), ({"resourceType": "Group"}, 422)]
)
def test_refusals(document: Any, status: int) -> None:
    """Only an object is a merge patch, and identity does not change."""
    with pytest.raises(FhirError) as caught:
        merge_patch.apply({"resourceType": "Patient", "id": "1"}, document)
    assert caught.value.status == status
