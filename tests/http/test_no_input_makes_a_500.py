"""Whatever is sent, the answer is FHIR's and never a 500 (R4 section 3.1.0.1.9)."""

from __future__ import annotations

import random
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from countyfhir.model import json, xml
from countyfhir.model.library import examples

ARCHIVE = Path(__file__).parents[1] / "data" / "r4-examples.tar.xz"
JSON, XML = "application/fhir+json", "application/fhir+xml"


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


METHODS = st.sampled_from(words("GET HEAD POST PUT PATCH DELETE TRACE OPTIONS"))
PATHS = words(
    """Patient Observation Bundle Binary Parameters AuditEvent Foo 1 a%20b _history _search * $meta $meta-add
    $everything $purge $ _ metadata é %00 countyfhir-1 99999999999999999999 -1"""
)
SEGMENT = st.sampled_from([*PATHS, "x" * 70])
NAMES = words(
    """_id _lastUpdated identifier name birthdate subject subject.name _has:Observation:patient:code _include _has
    _revinclude _sort _count _total _summary _elements _cursor _format _since _at _type _filter date
    value-quantity near code-value-quantity name:exact code:text : foo:bar gender:not subject:Patient url:below
    _tag _profile:missing _pretty start end mode"""
)
VALUES = words(
    """, | a|b|c \\ $ ge2020 eq 2020-13-45 ap5 1e400 1e-400 NaN * x:y:z Patient/1 http://x/y|z -_id 0 -5 true
    ne2020-01-01T24:00:00Z Patient:subject 0001-01-01 9999-12-31T23:59:59Z"""
)
VALUE = st.sampled_from([*VALUES, "", "9" * 30, "\x00", "\U0001f600"]) | st.text(max_size=12)
HEADER_NAMES = "Accept Content-Type If-Match If-None-Match If-None-Exist If-Modified-Since Prefer X-Security-Context"
HEADER_VALUES = f"""* */* {JSON} {XML} application/json application/json-patch+json application/merge-patch+json ;;
text/plain W/ "" application/x-www-form-urlencoded name=x identifier=| return=minimal return=OperationOutcome q=;a
{JSON};charset=gbk""".split()
HEADERS = st.dictionaries(st.sampled_from(HEADER_NAMES.split()), st.sampled_from([*HEADER_VALUES, ""]), max_size=3)
MEMBERS = words("resourceType id meta entry request resource type url method name parameter part op path value from")
ATOM = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    st.sampled_from(words("Patient Bundle Parameters transaction batch urn:uuid:1 operation add /name/0")),
)
TREE = st.recursive(
    ATOM,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=5),
    max_leaves=12,
)
TEXT = st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace"))
BODY = st.one_of(TREE.map(json.dumps), st.binary(max_size=40), TEXT)


def check(answer: Any, method: str = "POST") -> None:
    """Never a 500; every refusal is an OperationOutcome."""
    assert answer.status_code not in (500, 501, 502), answer.text
    if answer.status_code >= 400 and method != "HEAD":
        assert "OperationOutcome" in answer.text


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    METHODS,
    st.lists(SEGMENT, max_size=4),
    st.lists(st.tuples(st.sampled_from(NAMES), VALUE), max_size=3),
    HEADERS,
    BODY,
)
def test_random_requests_are_answered(
    client: TestClient, method: str, path: list[str], query: list[tuple[str, str]], headers: dict[str, str], body: bytes
) -> None:
    """Paths, parameters, headers and bodies of every kind."""
    pairs = [(name, value.encode("utf-8", "replace").decode()) for name, value in query]
    check(client.request(method, "/".join(path), params=pairs, headers=headers, content=body), method)


PLACES = words(
    """Patient Patient.name Patient.name[0] Patient.name.given Patient.name[9] Patient.birthDate Patient.foo
    Patient.name.where(family='x') Patient.extension Patient.contained Patient Patient.( Patient.id 1 {}
    Patient.meta %resource Patient.descendants() Patient.name.given.first().length() Patient.deceased
    Patient.contact.name"""
)
PART = st.one_of(
    st.tuples(st.just("type"), st.sampled_from(words("add insert delete replace move foo"))),
    st.tuples(st.just("path"), st.sampled_from(PLACES)),
    st.tuples(
        st.just("name"),
        st.sampled_from(words("given family name birthDate extension contact foo value")),
    ),
    st.tuples(st.sampled_from(["index", "source", "destination"]), st.integers(-1, 3)),
    st.tuples(st.just("value"), TREE),
)
KINDS = st.sampled_from(
    words("valueString valueCode valueInteger valueDate valueHumanName valueExtension part resource")
)
POINTER = st.sampled_from(words("/name /name/0 /name/- /name/0/given/0 /id /foo /foo/bar /name/9 / ~2 /meta"))
OPERATION = st.fixed_dictionaries(
    {"op": st.sampled_from(words("add remove replace move copy test foo")), "path": POINTER},
    optional={"from": POINTER, "value": TREE},
)
TYPES = st.sampled_from([JSON, "application/json", "application/json-patch+json", "application/merge-patch+json"])


def fhirpath_operation(parts: list[tuple[str, Any]], kind: str) -> dict[str, Any]:
    """One operation of a FHIRPath Patch; ``kind`` is the type of its value."""
    said = {"type": "valueCode", "path": "valueString", "name": "valueString", "value": kind}
    listed = [{"name": name, said.get(name, "valueInteger"): value} for name, value in parts]
    return {"name": "operation", "part": listed}


FHIRPATH = st.lists(st.builds(fhirpath_operation, st.lists(PART, max_size=5), KINDS), max_size=2)
PATCH = st.one_of(
    st.lists(OPERATION, max_size=3),
    TREE,
    FHIRPATH.map(lambda found: {"resourceType": "Parameters", "parameter": found}),
)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(PATCH, TYPES, st.booleans())
def test_random_patches_are_answered(client: TestClient, document: Any, content_type: str, in_bundle: bool) -> None:
    """JSON Patch, FHIRPath Patch and merge patch, by themselves and inside a transaction."""
    names = [{"family": "x", "given": ["a", None], "_given": [None, {"id": "g"}]}]
    client.put("Patient/patched", json={"resourceType": "Patient", "id": "patched", "name": names})
    if in_bundle:
        row = {"resource": document, "request": {"method": "PATCH", "url": "Patient/patched"}}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [row]}
        check(client.post("", content=json.dumps(bundle), headers={"Content-Type": JSON}))
    else:
        sent = json.dumps(document)
        check(client.patch("Patient/patched", content=sent, headers={"Content-Type": content_type}))


JUNK = [None, "", 0, -1, True, [], {}, [None], {"x": 1}, "x" * 300, 10**30, "\x00", {"resourceType": "Patient"}]


def damaged(tree: Any, chance: random.Random) -> Any:
    """The tree with one or a few of its values replaced, moved or lost."""
    if chance.random() < 0.025:
        return chance.choice(JUNK)
    if isinstance(tree, dict):
        return {(f"_{name}" if chance.random() < 0.01 else name): damaged(one, chance) for name, one in tree.items()}
    if isinstance(tree, list):
        return [damaged(one, chance) for one in tree] * chance.choice([1, 1, 1, 2])
    return tree


def torn(text: bytes, chance: random.Random) -> bytes:
    """The text with a few pieces cut out, doubled or moved."""
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(text))
        piece = text[start : start + chance.randint(1, 20)]
        text = (
            text[:start] + chance.choice([b"", piece * 2, b"<", b"&#x0;", b'"', b"\xff"]) + text[start + len(piece) :]
        )
    return text


@pytest.mark.slow
def test_damaged_examples_are_refused_or_taken_but_never_a_500(client: TestClient) -> None:
    """Official examples with random damage: as creates in JSON and XML, and as entries of a transaction."""
    chance = random.Random(4)
    small = ((name, content) for name, content in examples(ARCHIVE) if len(content) < 6_000)
    for name, content in islice(small, 0, None, 4):
        whole = json.parse(content)
        kind, resource = whole["resourceType"], damaged(whole, chance)
        row = {"resource": resource, "fullUrl": "urn:uuid:1", "request": {"method": "POST", "url": kind}}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [row]}
        for place, body, form in (
            (kind, json.dumps(resource), JSON),
            (kind, torn(xml.dumps(whole), chance), XML),
            ("", json.dumps(bundle), JSON),
        ):
            answer = client.post(place, content=body, headers={"Content-Type": form, "Accept": form})
            assert answer.status_code < 500, (name, form, answer.text)


@pytest.mark.parametrize("path", ["%00/a/b/AuditEvent", "Patient/%01", "Patient?foo%02=1", "Patient?%EF%BF%BE=1"])
def test_what_xml_cannot_carry_is_not_repeated_in_an_error(client: TestClient, path: str) -> None:
    """Found by made-up requests: the refusal itself could not be written as XML."""
    answer = client.get(path, headers={"Accept": XML})
    assert 400 <= answer.status_code < 500
    xml.parse(answer.content)


def test_a_value_may_have_lines(client: TestClient) -> None:
    """Found by made-up requests: a date with a line feed, among recorded AuditEvents and elsewhere."""
    for path in ("AuditEvent?_lastUpdated=w%0A1", "AuditEvent?date=2024%0A", "Patient?birthdate=ge%0A2024"):
        assert client.get(path).status_code == 400
