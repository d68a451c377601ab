"""The committed definitions are what the compile step makes of the committed R4 resources, corrections included."""

import hashlib

import msgspec
import pytest

from countyfhir.model.compile.fetch import Package, fetch
from countyfhir.model.compile.parameters import expression_for, split_union
from countyfhir.model.compile.tables import compiled
from countyfhir.model.compile.value_sets import NotEnumerable, Terminology
from countyfhir.model.definitions import stored
from countyfhir.model.library import BASE_TYPES, TERMINOLOGY_TYPES, base_resources


def test_compiling_again_gives_the_committed_definitions():
    """Nobody edited the compiled file, and no change of the compile step was left without its data."""
    again = compiled(base_resources((*BASE_TYPES, *TERMINOLOGY_TYPES)))
    assert msgspec.msgpack.encode(again) == msgspec.msgpack.encode(stored())


def test_package_with_another_hash_is_refused(tmp_path):
    """What was downloaded must be what was recorded."""
    (tmp_path / "p.tgz").write_bytes(b"content")
    right = hashlib.sha256(b"content").hexdigest()
    assert fetch(Package(("false",), "p.tgz", right), tmp_path) == b"content"
    with pytest.raises(ValueError, match=r"p\.tgz has SHA-256"):
        fetch(Package(("false",), "p.tgz", "0" * 64), tmp_path)


def test_unions_split_outside_parentheses_and_strings():
    """A bar inside parentheses or a string does not end an alternative."""
    assert split_union("A.b | (B.c | B.d).e | C.f('x|y')") == ["A.b ", " (B.c | B.d).e ", " C.f('x|y')"]
    assert expression_for("A.b | AB.c | (A.d as Quantity)", "A") == "A.b | (A.d as Quantity)"
    assert expression_for("Resource.id", "A") == "Resource.id"


SYSTEM = {
    "url": "urn:s",
    "content": "complete",
    "concept": [
        {"code": "a", "concept": [{"code": "b", "concept": [{"code": "c"}]}]},
        {"code": "d", "property": [{"code": "subsumedBy", "valueCode": "b"}, {"code": "kind", "valueCode": "x"}]},
    ],
}
INCLUDES = [
    ({"system": "urn:s"}, "abcd"),
    ({"system": "urn:s", "concept": [{"code": "c"}, {"code": "a"}]}, "ac"),
    ({"system": "urn:s", "filter": [{"property": "concept", "op": "is-a", "value": "b"}]}, "bcd"),
    ({"system": "urn:s", "filter": [{"property": "concept", "op": "descendent-of", "value": "b"}]}, "cd"),
    ({"system": "urn:s", "filter": [{"property": "concept", "op": "is-not-a", "value": "b"}]}, "a"),
    ({"system": "urn:s", "filter": [{"property": "kind", "op": "=", "value": "x"}]}, "d"),
    ({"valueSet": ["urn:ab", "urn:bc"]}, "b"),
]
OTHERS = [
    {"url": "urn:ab", "compose": {"include": [{"system": "urn:s", "concept": [{"code": "a"}, {"code": "b"}]}]}},
    {"url": "urn:bc", "compose": {"include": [{"system": "urn:s", "concept": [{"code": "b"}, {"code": "c"}]}]}},
]


@pytest.mark.parametrize(("include", "codes"), INCLUDES)
def test_value_sets_expand(include, codes):
    """System, concepts, hierarchy by nesting and by property, other properties, and the cut of value sets."""
    value_set = {"url": "urn:v", "compose": {"include": [include]}}
    assert Terminology([value_set, *OTHERS], [SYSTEM]).expand("urn:v|1.0") == {("urn:s", code) for code in codes}


def test_value_set_without_its_code_system_is_not_enumerable():
    """An unknown system or value set is said, not taken as empty."""
    value_set = {"url": "urn:v", "compose": {"include": [{"system": "urn:ietf:bcp:13"}]}}
    for url in ("urn:v", "urn:unknown"):
        with pytest.raises(NotEnumerable):
            Terminology([value_set], [SYSTEM]).expand(url)
