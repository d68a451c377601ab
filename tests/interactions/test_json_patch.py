"""JSON Patch does what RFC 6902 says, with decimals by value, and leaves the resource's identity alone."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countyfhir.interactions.patch_formats import json_patch
from countyfhir.outcome import FhirError

APPENDIX: list[tuple[str, Any, list[dict[str, Any]], Any]] = [
    ("A.1", {"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
    ("A.2", {"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "q"}], {"foo": ["bar", "q", "baz"]}),
    ("A.3", {"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
    ("A.4", {"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["bar", "baz"]}),
    ("A.5", {"baz": "q", "foo": "b"}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo", "foo": "b"}),
    (
        "A.6",
        {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
        [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
        {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
    ),
    (
        "A.7",
        {"foo": ["all", "grass", "cows", "eat"]},
        [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
        {"foo": ["all", "cows", "eat", "grass"]},
    ),
    (
        "A.8",
        {"baz": "qux", "foo": ["a", 2, "c"]},
        [{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2}],
        {"baz": "qux", "foo": ["a", 2, "c"]},
    ),
    ("A.10", {"foo": "bar"}, [{"op": "add", "path": "/c", "value": {"g": {}}}], {"foo": "bar", "c": {"g": {}}}),
    ("A.11", {"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "q", "xyz": 1}], {"foo": "bar", "baz": "q"}),
    ("A.14", {"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
    ("A.16", {"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["a", "b"]}], {"foo": ["bar", ["a", "b"]]}),
    ("copy", {"a": {"b": [1]}}, [{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": [1]}, "c": {"b": [1]}}),
    ("whole", {"a": 1}, [{"op": "replace", "path": "", "value": [1]}], [1]),
    ("add null", {"a": 1}, [{"op": "add", "path": "/b", "value": None}], {"a": 1, "b": None}),
    ("empty key", {"": 1}, [{"op": "replace", "path": "/", "value": 2}], {"": 2}),
    ("onto itself", {"a": [1]}, [{"op": "move", "from": "/a/0", "path": "/a/0"}], {"a": [1]}),
    ("value", {"a": Decimal("1.50")}, [{"op": "test", "path": "/a", "value": Decimal("1.5")}], {"a": Decimal("1.5")}),
    ("integral", {"a": Decimal("2.0")}, [{"op": "test", "path": "/a", "value": 2}], {"a": 2}),
    ("keys", {"x": 1, "y": 2}, [{"op": "test", "path": "", "value": {"y": 2, "x": 1}}], {"x": 1, "y": 2}),
    ("after", {"a": [1, 2]}, [{"op": "add", "path": "/a/2", "value": 3}], {"a": [1, 2, 3]}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "before", "patch", "after"), APPENDIX, ids=[case[0] for case in APPENDIX])
def test_operations(name: str, before: Any, patch: list[dict[str, Any]], after: Any) -> None:
    """The examples of the RFC's appendix, and some of its corners, give what it says; the input is untouched."""
    kept = copy.deepcopy(before)
    assert json_patch.patched(before, patch) == after
    assert before == kept


PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "1",
    "active": True,
    "name": [{"family": "Zhang", "given": ["San", "Si"]}],
    "multipleBirthInteger": 1,
}

REFUSED: list[tuple[Any, int, str]] = [
    ({"op": "add"}, 400, "structure"),
    (["add"], 400, "structure"),
    ([{"path": "/active"}], 400, "value"),
    ([{"op": "merge", "path": "/active"}], 400, "value"),
    ([{"op": ["add"], "path": "/active"}], 400, "value"),
    ([{"op": "add", "path": "/active"}], 400, "required"),
    ([{"op": "remove"}], 400, "required"),
    ([{"op": "remove", "path": 5}], 400, "required"),
    ([{"op": "move", "path": "/active"}], 400, "required"),
    ([{"op": "add", "path": "active", "value": 1}], 400, "value"),
    ([{"op": "add", "path": "/a~2", "value": 1}], 400, "value"),
    ([{"op": "move", "from": "/name", "path": "/name/0"}], 400, "value"),
    ([{"op": "remove", "path": "/gender"}], 422, "processing"),
    ([{"op": "replace", "path": "/gender", "value": "male"}], 422, "processing"),
    ([{"op": "copy", "from": "/gender", "path": "/language"}], 422, "processing"),
    ([{"op": "add", "path": "/contact/0/gender", "value": "male"}], 422, "processing"),
    ([{"op": "add", "path": "/name/2", "value": {}}], 422, "processing"),
    ([{"op": "add", "path": "/name/00", "value": {}}], 422, "processing"),
    ([{"op": "remove", "path": "/name/-"}], 422, "processing"),
    ([{"op": "remove", "path": "/name/-1"}], 422, "processing"),
    ([{"op": "remove", "path": "/name/9999999999"}], 422, "processing"),
    ([{"op": "add", "path": "/active/x", "value": 1}], 422, "processing"),
    ([{"op": "test", "path": "/active", "value": 1}], 422, "processing"),
    ([{"op": "test", "path": "/multipleBirthInteger", "value": True}], 422, "processing"),
    ([{"op": "test", "path": "/multipleBirthInteger", "value": "1"}], 422, "processing"),
    ([{"op": "test", "path": "/gender", "value": None}], 422, "processing"),
    ([{"op": "remove", "path": "/id"}], 422, "business-rule"),
    ([{"op": "replace", "path": "/id", "value": "2"}], 422, "business-rule"),
    ([{"op": "replace", "path": "/resourceType", "value": "Group"}], 422, "business-rule"),
    ([{"op": "remove", "path": ""}], 422, "processing"),
    ([{"op": "replace", "path": "", "value": []}], 422, "processing"),
]


@pytest.mark.parametrize(("document", "status", "code"), REFUSED)
def test_refusals(document: Any, status: int, code: str) -> None:
    """A malformed document is 400, one that does not fit the resource 422; the resource stays as it was."""
    kept = copy.deepcopy(PATIENT)
    with pytest.raises(FhirError) as caught:
        json_patch.apply(PATIENT, document)
    assert (caught.value.status, caught.value.issues[0].code) == (status, code)
    assert kept == PATIENT


def test_error_names_operation_and_place() -> None:
    """The diagnostics count the operation and the expression is FHIRPath."""
    with pytest.raises(FhirError) as caught:
        json_patch.apply(
            PATIENT,
            [
                {"op": "test", "path": "/active", "value": True},
                {"op": "test", "path": "/name/0/given/1", "value": "Wu"},
            ],
        )
    assert caught.value.issues[0].diagnostics.startswith("Operation 2 ")
    assert caught.value.issues[0].expression == ("Patient.name[0].given[1]",)


def test_what_is_emptied_goes() -> None:
    """Removing the last item removes the array, since FHIR has no empty ones; building up from [] works."""
    assert "name" not in json_patch.apply(PATIENT, [{"op": "remove", "path": "/name/0"}])
    built = [
        {"op": "add", "path": "/telecom", "value": []},
        {"op": "add", "path": "/telecom/-", "value": {"system": "phone", "value": "0854-0000000"}},
    ]
    assert json_patch.apply(PATIENT, built)["telecom"] == [{"system": "phone", "value": "0854-0000000"}]


def test_a_small_patch_cannot_make_a_huge_resource() -> None:
    """Copying a copy again and again is stopped, and so is nesting beyond what can be read back."""
    doubling = [{"op": "copy", "from": "/name", "path": f"/name/0/x{number}"} for number in range(40)]
    with pytest.raises(FhirError) as caught:
        json_patch.apply(PATIENT, doubling)
    assert (caught.value.status, caught.value.issues[0].code) == (413, "too-costly")


@pytest.mark.parametrize("kind", ["add", "replace"])
def test_nesting_is_limited(kind: str) -> None:
    """Operations that nest deeper and deeper are stopped where the resource could no longer be read back."""
    path = {"add": "/name/-", "replace": "/name/0"}[kind]
    deeper = [{"op": kind, "path": path, "value": [[1]]}]
    deeper += [{"op": kind, "path": "/name" + "/0" * depth, "value": [[1]]} for depth in range(1, 2_000)]
    with pytest.raises(FhirError, match="deeper than 128"):
        json_patch.apply(PATIENT, deeper)


PLACES = st.sampled_from(
    ["", "/", "/name", "/name/0", "/name/-", "/name/0/given/1", "/active", "/active/x", "/id", "/~1"]
)
VALUES = st.sampled_from([None, True, 1, "x", [], {}, [{}], {"given": ["a"]}])
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(list(json_patch.OPERATIONS))},
    optional={"path": PLACES, "from": PLACES, "value": VALUES},
)


@settings(max_examples=300)
@given(st.lists(OPERATIONS | VALUES, max_size=5))
def test_any_document_gives_a_resource_or_an_error(document: Any) -> None:
    """Whatever the operations are, the result is a Patient with its id, or a FhirError; the input never changes."""
    kept = copy.deepcopy(PATIENT)
    try:
        result = json_patch.apply(PATIENT, document)
    except FhirError as error:
        assert error.issues  # noqa: PT017
    else:
        assert (result["resourceType"], result["id"]) == ("Patient", "1")
    assert kept == PATIENT


def test_patched_values_are_not_shared() -> None:
    """A value added twice is two values, so that a later operation changes one of them only."""
    value = {"text": "a"}
    patch = [
        {"op": "add", "path": "/x", "value": value},
        {"op": "copy", "from": "/x", "path": "/y"},
        {"op": "replace", "path": "/y/text", "value": "b"},
    ]
    assert json_patch.patched({}, patch) == {"x": {"text": "a"}, "y": {"text": "b"}}
    assert value == {"text": "a"}
