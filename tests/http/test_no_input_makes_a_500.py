"""Whatever is sent, the answer is FHIR's and never a 500 (R4 section 3.1.0.1.9)."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from countyfhir.model import json
from countyfhir.model.library import examples

ARCHIVE = Path(__file__).parents[1] / "data" / "r4-examples.tar.xz"

METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"])
SEGMENT = st.sampled_from(
    [
        "Patient",
        "Observation",
        "Bundle",
        "Binary",
        "Parameters",
        "AuditEvent",
        "Foo",
        "1",
        "a b",
        "_history",
        "_search",
        "*",
    ]
    + [
        "$meta",
        "$everything",
        "$",
        "_",
        "metadata",
        "é",
        "%00",
        "..",
        "x" * 70,
        "countyfhir-1",
        "99999999999999999999",
        "-1",
    ]
)
NAME = st.sampled_from(
    [
        "_id",
        "_lastUpdated",
        "identifier",
        "name",
        "birthdate",
        "subject",
        "subject.name",
        "_has:Observation:patient:code",
    ]
    + ["_include", "_revinclude", "_sort", "_count", "_total", "_summary", "_elements", "_cursor", "_format", "_since"]
    + [
        "_at",
        "_type",
        "_filter",
        "date",
        "value-quantity",
        "code-value-quantity",
        "name:exact",
        "code:text",
        ":",
        "foo:bar",
    ]
    + ["gender:not", "subject:Patient", "url:below", "_has", "_tag", "near", "_profile:missing", "_pretty"]
)
VALUE = st.one_of(
    st.sampled_from(
        ["", ",", "|", "a|b|c", "\\", "$", "ge2020", "eq", "2020-13-45", "ap5", "1e400", "1e-400", "NaN", "*", "x:y:z"]
    )
    | st.sampled_from(
        [
            "Patient/1",
            "http://x/y|z",
            "-_id",
            "0",
            "-5",
            "9" * 30,
            "true",
            "ne2020-01-01T24:00:00Z",
            "\x00",
            "\ud83d\ude00",
        ]
    ),
    st.text(max_size=12),
)
HEADER = st.dictionaries(
    st.sampled_from(
        ["Accept", "Content-Type", "If-Match", "If-None-Match", "If-None-Exist", "If-Modified-Since", "Prefer"]
    ),
    st.sampled_from(
        [
            "",
            "*",
            "*/*",
            "application/fhir+json",
            "application/fhir+xml",
            "application/json-patch+json",
            "text/plain",
            ";;",
            "W/",
            '""',
        ]
        + [
            "application/merge-patch+json",
            "application/x-www-form-urlencoded",
            "name=x",
            "identifier=|",
            "return=minimal",
            "q=;a",
        ]
    ),
    max_size=3,
)
ATOM = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=8),
    st.sampled_from(["Patient", "transaction", "urn:uuid:1"]),
)
TREE = st.recursive(
    ATOM,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceType",
                    "id",
                    "meta",
                    "entry",
                    "request",
                    "resource",
                    "type",
                    "url",
                    "method",
                    "name",
                    "parameter",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
BODY = st.one_of(
    TREE.map(json.dumps), st.binary(max_size=40), st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace"))
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(METHODS, st.lists(SEGMENT, max_size=4), st.lists(st.tuples(NAME, VALUE), max_size=3), HEADER, BODY)
def test_random_requests_are_answered(
    client: TestClient, method: str, path: list[str], query: list[tuple[str, str]], headers: dict[str, str], body: bytes
) -> None:
    """Paths, parameters, headers and bodies of every kind."""
    pairs = [(name, value.encode("utf-8", "replace").decode()) for name, value in query]
    answer = client.request(method, "/".join(path), params=pairs, headers=headers, content=body)
    assert answer.status_code not in (500, 501, 502), answer.text
    if answer.status_code >= 400 and method != "HEAD":
        assert "OperationOutcome" in answer.text


def damaged(tree: Any, chance: random.Random) -> Any:
    """The tree with one or a few of its values replaced, moved or lost."""
    junk: list[Any] = [
        None,
        "",
        0,
        -1,
        True,
        [],
        {},
        [None],
        {"x": 1},
        "x" * 300,
        10**30,
        "\x00",
        {"resourceType": "Patient"},
    ]
    if isinstance(tree, dict):
        return {
            (name if chance.random() > 0.01 else f"_{name}"): damaged(value, chance)
            if chance.random() > 0.03
            else chance.choice(junk)
            for name, value in tree.items()
        }
    if isinstance(tree, list):
        return [
            damaged(value, chance) if chance.random() > 0.03 else chance.choice(junk) for value in tree
        ] * chance.choice([1, 1, 1, 2])
    return tree if chance.random() > 0.02 else chance.choice(junk)


@pytest.mark.slow
def test_damaged_examples_are_refused_or_taken_but_never_a_500(client: TestClient) -> None:
    """Official examples with random damage, as creates and as entries of a transaction, as JSON."""
    chance = random.Random(4)
    for name, content in examples(ARCHIVE):
        if len(content) > 6_000:
            continue
        resource = damaged(json.parse(content), chance)
        kind = json.parse(content)["resourceType"]
        answer = client.post(kind, content=json.dumps(resource), headers={"Content-Type": "application/fhir+json"})
        assert answer.status_code < 500, (name, answer.text)
        row = {"resource": resource, "fullUrl": "urn:uuid:1", "request": {"method": "POST", "url": kind}}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [row]}
        answer = client.post("", content=json.dumps(bundle), headers={"Content-Type": "application/fhir+json"})
        assert answer.status_code < 500, (name, answer.text)
