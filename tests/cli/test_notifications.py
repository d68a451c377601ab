"""``countyfhir notifications``: the queue as a person on duty sees it, over a store that a server left."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from countyfhir.cli import main
from countyfhir.exchange import Subscriber
from countyfhir.store import sqlite
from countyfhir.store.ports import Event
from tests.contract.samples import commit, write


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command prints."""
    with pytest.raises(SystemExit) as left:
        main(["notifications", *arguments])
    assert left.value.code in (0, None)
    return capsys.readouterr().out


def test_dead_letters_are_listed_replayed_and_discarded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """list shows what waits, dead what was given up; replay and discard say how many they moved."""
    path = tmp_path / "county.sqlite"

    async def fill() -> None:
        store = sqlite.open(path)
        await commit(store, write("Subscription", "s", subscriber=Subscriber("on", b"\x80")))
        await store.outbox.enter(0, 1, [("s", Event("Task", f"t{n}", 1, n, n, "create")) for n in range(1, 5)])
        await store.outbox.settle("s", [1, 2, 3], ("waiting",), "dead", 5, "answered 500")
        await store.close()

    asyncio.run(fill())
    store = ("--store", f"sqlite:{path}")
    assert told(capsys, "list", *store).split() == [
        "s",
        "4",
        "Task/t4/_history/1",
        "create",
        "1970-01-01T00:00:00.000Z",
    ]
    dead = told(capsys, "dead", *store, "--subscription", "s").splitlines()
    assert [line.split()[1] for line in dead] == ["1", "2", "3"]
    assert dead[0].endswith("answered 500")
    assert told(capsys, "replay", "2", "3", *store, "--subscription", "s") == "2 notifications wait again.\n"
    discarded = told(capsys, "discard", *store, "--subscription", "s", "--reason", "moved house")
    assert discarded == "1 notifications were discarded.\n"
    assert told(capsys, "dead", *store) == ""
    assert [line.split()[1] for line in told(capsys, "list", *store).splitlines()] == ["2", "3", "4"]
