"""The export of Qinghe County (../shared/legacy-county), where it is there, taken in once for all tests of a run."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pickle
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from countyfhir import shipped
from countyfhir.exchange import Answer, Interaction
from countyfhir.intake import Desk, RecordOutcome, Report, discover, run
from countyfhir.mapping import load
from countyfhir.store.ports import IntakeStore
from countyfhir.store.sqlite import open as open_store
from countyfhir.validation.structure import check

EXPORT = Path(__file__).resolve().parents[2] / "shared" / "legacy-county"
COVERED = (
    *("county-hospital", "county-hospital-documents", "public-health", "township-liuhe", "township-shiqiao"),
    *("contracts", "ecg-centre", "imaging-centre", "lis-centre"),
)
needs_export = pytest.mark.skipif(not EXPORT.is_dir(), reason="the export of Qinghe County is not beside the checkout")
Taken = tuple[Report, list[RecordOutcome], dict[str, Any], Report]
"""Report, record outcomes, resources by reference, and the report of a second run."""


def truth() -> dict[str, Any]:
    """What is true."""
    return json.loads((EXPORT / "truth.json").read_text("utf-8"))  # type: ignore[no-any-return]


def taken_once(factory: pytest.TempPathFactory) -> Taken:
    """What the intake makes of the export: computed by the first process of the run that asks, kept for the others."""
    folder = factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    kept = folder / "legacy-county.pickle"
    with (folder / "legacy-county.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            made = asyncio.run(_taken(factory.mktemp("ledger")))
            kept.write_bytes(pickle.dumps(made))
            return made
        found: Taken = pickle.loads(kept.read_bytes())
        return found


async def _taken(folder: Path) -> Taken:
    """With a real ledger, and a door that only checks the structure of what comes."""
    resources: dict[str, Any] = {}
    holders: dict[str, set[str]] = defaultdict(set)
    outcomes: list[RecordOutcome] = []

    async def write(ledger: IntakeStore, interactions: Sequence[Interaction]) -> list[Answer]:
        if interactions[0].kind == "read":
            return [Answer(body=resources.get(f"{one.resource_type}/{one.logical_id}")) for one in interactions]
        if interactions[0].kind == "search-type":
            return [Answer(body=referring(one, resources, holders)) for one in interactions]
        for entry in (entry for interaction in interactions for entry in interaction.body["entry"]):
            if entry["request"]["method"] == "PUT":
                assert check(entry["resource"]) == []
                resources[entry["request"]["url"]] = entry["resource"]
                for reference in references(entry["resource"]):
                    holders[reference].add(entry["request"]["url"])
            else:
                resources.pop(entry["request"]["url"], None)
        for interaction in interactions:
            await ledger.append(interaction.account.ledger if interaction.account else ())
        return [Answer() for _ in interactions]

    store = open_store(str(folder / "ledger.sqlite"))
    inputs = discover([EXPORT / name for name in COVERED], load(shipped.folder("mappings")))
    door = partial(write, store.intake)
    first = await run(inputs, Desk(store.intake, door, outcome=outcomes.append))
    second = await run(inputs, Desk(store.intake, door))
    await store.close()
    return first, outcomes, resources, second


def referring(search: Interaction, resources: dict[str, Any], holders: dict[str, set[str]]) -> dict[str, Any]:
    """What a search for one reference finds."""
    ((_, reference), *_) = search.query
    urls = [url for url in sorted(holders[reference]) if url.startswith(f"{search.resource_type}/")]
    found = [resources[url] for url in urls if url in resources and reference in references(resources[url])]
    return {"entry": [{"resource": one} for one in found]}


def references(value: Any) -> set[str]:
    """Every literal reference of a resource."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = {one for part in parts for one in references(part)}
    if isinstance(value, dict) and isinstance(value.get("reference"), str):
        found.add(value["reference"])
    return found
