"""What the doctor sees of a MongoDB store, before and after its first start."""

from __future__ import annotations

import asyncio

import pytest

from countyfhir.cli.checks import stored
from countyfhir.settings import load
from countyfhir.store import mongodb
from countyfhir.store.mongodb import layout
from countyfhir.store.mongodb.inspecting import Inspected, inspected
from countyfhir.store.ports import StoreUnusable
from tests.mongodb_server import database_uri


def test_a_database_is_looked_at_and_not_changed() -> None:
    """Fresh, then with its schema and all indexes; the doctor says so."""
    uri = database_uri()
    assert inspected(uri).schema == 0
    assert inspected(uri).schema == 0
    asyncio.run(asyncio.wait_for(_opened_once(uri), 60))
    seen = inspected(uri)
    assert (seen.schema, seen.missing, seen.problems) == (layout.SCHEMA_VERSION, (), [])
    findings = stored.store(load({"store": uri}))
    assert all(finding.level != "bad" for finding in findings)
    assert any("opens, is empty" in finding.text for finding in findings)


async def _opened_once(uri: str) -> None:
    await (await mongodb.open(uri)).close()


def test_what_cannot_be_worked_with_is_said() -> None:
    """Too old, alone, newer than this program, not there."""
    found = Inspected((4, 4), 0, False, layout.SCHEMA_VERSION + 1, (), 0.0).problems
    assert [word in sentence for word, sentence in zip(("4.4", "alone", "newer"), found, strict=True)] == [True] * 3
    with pytest.raises(StoreUnusable, match="cannot be looked at"):
        inspected("mongodb://127.0.0.1:1/county?serverSelectionTimeoutMS=100")
