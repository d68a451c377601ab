"""FHIR JSON is imported: small files as they are, large code systems as a stream."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from countyfhir.terminology.importing import fhir_json
from countyfhir.terminology.importing.order import ImportProblem
from countyfhir.terminology.knowledge import Terminology
from tests.terminology.importing.conftest import BringIn

URL = "https://example.org/cs"
SYSTEM: dict[str, Any] = {
    "resourceType": "CodeSystem",
    "url": URL,
    "version": "1",
    "status": "active",
    "content": "complete",
    "property": [{"code": "status", "type": "code"}],
    "concept": [
        {"code": "a", "display": "A", "concept": [{"code": "b", "display": "B"}]},
        {"code": "c", "property": [{"code": "status", "valueCode": "retired"}]},
    ],
    "count": 3,
}


@pytest.mark.parametrize("large", [1, 1 << 30])
def test_a_code_system_is_the_same_either_way(
    imported: BringIn, terminology: Terminology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    """As a stream and at once: the same concepts, hierarchy, states."""
    monkeypatch.setattr(fhir_json, "LARGE", large)
    (tmp_path / "cs.json").write_text(json.dumps(SYSTEM), "utf-8")
    (written,) = imported(tmp_path / "cs.json")
    assert (written.url, written.version, written.concepts) == (URL, "1", 3)
    assert terminology.below(URL, "a") == {"a", "b"}
    found = terminology.resolver.code_system(URL)
    assert found is not None
    assert found.concept("c").inactive


def test_a_bundle_brings_value_sets(imported: BringIn, terminology: Terminology, tmp_path: Path) -> None:
    """With the code system that they are over."""
    value_set = {
        "resourceType": "ValueSet",
        "url": "https://example.org/vs",
        "status": "active",
        "compose": {"include": [{"system": URL, "filter": [{"property": "concept", "op": "is-a", "value": "a"}]}]},
    }
    bundle = {"resourceType": "Bundle", "entry": [{"resource": SYSTEM}, {"resource": value_set}]}
    (tmp_path / "all.json").write_text(json.dumps(bundle), "utf-8")
    assert [one.kind for one in imported(tmp_path / "all.json")] == ["CodeSystem", "ValueSet"]
    assert terminology.member("https://example.org/vs", URL, "b")
    assert terminology.member("https://example.org/vs", URL, "c") is False


@pytest.mark.parametrize(
    ("text", "reason"),
    [('{"resourceType": "Patient"}', "not terminology"), ("{", "one.json"), ('{"resourceType": "ValueSet"}', "no url")],
)
def test_what_is_none_is_refused(imported: BringIn, tmp_path: Path, text: str, reason: str) -> None:
    """With the reason."""
    (tmp_path / "one.json").write_text(text, "utf-8")
    with pytest.raises(ImportProblem, match=reason):
        imported(tmp_path / "one.json")
