"""Opening: a fresh file is made, a newer or foreign one is refused with what to do, several processes may open at
once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from countyfhir.store import sqlite
from countyfhir.store.ports import StoreUnusable
from countyfhir.store.sqlite import SqliteStore, schema
from countyfhir.store.sqlite.connecting import check_library, network_file_system
from countyfhir.store.sqlite.rows import given

from .opened import ids, one, with_store


def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    """A folder that is missing is made; the secret stays."""
    path = tmp_path / "folder" / "a.sqlite"

    async def write(store: SqliteStore) -> bytes:
        await store.resources.commit(one("p1"))
        return store.secret

    async def read(store: SqliteStore) -> tuple[set[str], bytes]:
        return await ids(store), store.secret

    secret = with_store(path, write)
    assert with_store(path, read) == ({"p1"}, secret)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """The message names both versions and says what to do; the file is left as it was."""
    path = tmp_path / "a.sqlite"
    with_store(path, ids)
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", schema.SCHEMA_VERSION + 1)
    connection.close()
    with pytest.raises(StoreUnusable, match=f"schema version {schema.SCHEMA_VERSION + 1}.*newer program"):
        sqlite.open(path)
    assert sqlite.problems(path)[0].startswith("the database has schema version")


def test_units_of_an_older_file_stand_beside_their_numbers(tmp_path: Path) -> None:
    """Schema version 1 had a row for each unit as it was given: they move, and are found by the same keys."""
    connection = apsw.Connection(str(tmp_path / "a.sqlite"))
    connection.execute(schema.MIGRATIONS[0])
    rows = [(1, 7, unit, key, 0, 3) for unit in ("", "|mg", "ucum|mg", "=g") for key in (b"a", b"b")]
    connection.executemany("INSERT INTO number VALUES (?, ?, ?, ?, ?, ?)", [*rows, (2, 7, "", b"a", 0, 3)])
    connection.pragma("application_id", schema.APPLICATION_ID)
    connection.pragma("user_version", 1)
    schema.migrate(connection)
    told = dict(connection.execute("SELECT DISTINCT rid, given FROM number WHERE unit = ''").fetchall())
    assert sorted(told[1].split()) == ["ucum|mg", "|mg"]
    assert told[2] == ""
    asked = "SELECT count(*) FROM number WHERE unit = '' AND instr(given, ?)"
    counts = {unit: connection.execute(asked, (given([unit]),)).fetchall()[0][0] for unit in ("|mg", "ucum|mg", "mg")}
    assert counts == {"|mg": 2, "ucum|mg": 2, "mg": 0}
    assert connection.execute("SELECT count(*) FROM number").fetchall() == [(5,)]
    assert connection.pragma("user_version") == schema.SCHEMA_VERSION
    connection.close()


@pytest.mark.parametrize("content", ["another program", "no database"])
def test_what_is_not_ours_is_refused(tmp_path: Path, content: str) -> None:
    """Another program's database and a file that is none."""
    path = tmp_path / "a.sqlite"
    if content == "another program":
        connection = apsw.Connection(str(path))
        connection.execute("CREATE TABLE theirs(a)")
        connection.close()
    else:
        path.write_bytes(b"county,hospital\n" * 1000)
    with pytest.raises(StoreUnusable, match=r"another program|not a database"):
        sqlite.open(path)
    assert sqlite.problems(path)


WRITE_ONE = """
import asyncio, sys
from countyfhir.exchange import Body, Plan, Write
from countyfhir.store import sqlite

async def story():
    store = sqlite.open(sys.argv[1])
    await store.resources.commit(Plan((Write("PUT", "Patient", sys.argv[2], {}, None, Body(b"{", b"}")),)))
    await store.close()

asyncio.run(story())
"""


def test_processes_that_open_a_fresh_store_at_once(tmp_path: Path) -> None:
    """One of them makes the tables, all of them write."""
    path, server = tmp_path / "a.sqlite", Path(sqlite.__file__).parents[3]
    command = [sys.executable, "-c", WRITE_ONE, str(path)]
    environment = os.environ | {"PYTHONPATH": str(server)}
    children = [subprocess.Popen([*command, f"p{place}"], env=environment) for place in range(3)]
    assert [child.wait() for child in children] == [0, 0, 0]
    assert with_store(path, ids) == {"p0", "p1", "p2"}


def test_closing_finishes_what_was_queued(tmp_path: Path) -> None:
    """Commits that wait when the store is closed are written; later ones are refused."""

    async def story() -> None:
        store = sqlite.open(tmp_path / "a.sqlite")
        waiting = [asyncio.ensure_future(store.resources.commit(one(f"p{place}"))) for place in range(50)]
        await asyncio.sleep(0)
        await store.close()
        assert len(await asyncio.gather(*waiting)) == 50

    asyncio.run(story())
    assert len(with_store(tmp_path / "a.sqlite", ids)) == 50


def test_the_library_is_new_enough_and_the_disk_is_local(tmp_path: Path) -> None:
    """The bundled SQLite passes; the test's folder is on no network file system."""
    check_library()
    assert network_file_system(str(tmp_path)) is None
