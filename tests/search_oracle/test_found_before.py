"""What brute force and the index once disagreed about, each as small as it can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from countyfhir.app import Opened

from . import asking
from .answering import Key

VALUE_SETS = [
    {"resourceType": "ValueSet", "id": logical_id, "status": "active", "url": url}
    for logical_id, url in (("slash", "http://a.org/f/"), ("plain", "http://a.org/f"), ("beside", "http://a.org/fa"))
]
PATIENTS = [
    {"resourceType": "Patient", "id": "given", "name": [{"given": ["明"]}]},
    {"resourceType": "Patient", "id": "both", "name": [{"family": "欧阳", "given": ["明"]}]},
    {"resourceType": "Patient", "id": "none", "name": [{"use": "usual"}]},
]

CASES: list[tuple[str, list[dict[str, Any]], str, list[str]]] = [
    (
        "a URL with a final slash is above what is under it",
        VALUE_SETS,
        "url:above=http://a.org/f/V/1",
        ["plain", "slash"],
    ),
    ("a URL with a final slash is above itself", VALUE_SETS, "url:above=http://a.org/f/", ["plain", "slash"]),
    ("a name of given names only sorts by them", PATIENTS, "_sort=name", ["given", "both", "none"]),
    ("a name without any text counts as missing", PATIENTS, "name:missing=true", ["none"]),
]


@pytest.mark.parametrize(("resources", "query", "expected"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_found_before(resources: list[dict[str, Any]], query: str, expected: list[str], tmp_path: Path) -> None:
    """The index answers as the specification says."""
    found: list[Key] = []

    async def story(opened: Opened) -> None:
        await asking.put_all(opened, resources)
        found.extend(asking.keys_of(await asking.page(opened, f"{resources[0]['resourceType']}?{query}")))

    asking.with_server(tmp_path / "county.sqlite", story)
    assert [logical_id for _, logical_id in found] == expected
