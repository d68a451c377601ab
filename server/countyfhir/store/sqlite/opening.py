"""Opening the embedded store: checks, migration, and the ports put together."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from countyfhir.outcome import FhirError
from countyfhir.store.copying import Copying
from countyfhir.store.ports import Store, StoreUnusable
from countyfhir.store.sqlite import backup, schema
from countyfhir.store.sqlite.audit import SqliteAudit
from countyfhir.store.sqlite.connecting import ThreadConnections, check_library, connect, fetch, network_file_system
from countyfhir.store.sqlite.copying import SqliteCopying
from countyfhir.store.sqlite.faults import translated
from countyfhir.store.sqlite.intake import SqliteIntake
from countyfhir.store.sqlite.jobs import SqliteJobs
from countyfhir.store.sqlite.keys import SqliteKeys
from countyfhir.store.sqlite.names import Names
from countyfhir.store.sqlite.options import Options
from countyfhir.store.sqlite.outbox import SqliteOutbox
from countyfhir.store.sqlite.persons import SqlitePersons
from countyfhir.store.sqlite.reading import Readers
from countyfhir.store.sqlite.resources import DEFINITIONS, SqliteResources
from countyfhir.store.sqlite.turns import Turns
from countyfhir.store.sqlite.writing import Writer

log = logging.getLogger("countyfhir.store")

LOOK = 0.2
"""Seconds between two looks at what other processes commit."""
WRITTEN = (
    "SELECT t.name, max(v.seq) FROM (SELECT seq, type_id FROM version WHERE seq > ? ORDER BY seq LIMIT 1000) v"
    " JOIN resource_type t USING (type_id) GROUP BY t.type_id"
)


@dataclass(slots=True)
class SqliteStore(Store):
    """The ports on one SQLite file."""

    path: str = ""
    options: Options = field(default_factory=Options)
    connections: ThreadConnections | None = None
    readers: Readers | None = None
    writer: Writer | None = None
    in_use: int = -1

    async def backup(self, target: str | Path) -> None:
        """A consistent, compact copy at ``target`` while serving. FileExistsError when it is there; FhirError when the
        store's or the target's disk fails."""

        def copied() -> None:
            with translated(FileExistsError):
                backup.copy(self.path, target, self.options)

        await asyncio.to_thread(copied)

    async def attend(self) -> None:
        """Look often whether another process committed: a look costs microseconds."""
        assert self.connections is not None
        seen = await self.resources.last_sequence()
        while True:
            await asyncio.sleep(LOOK)
            with suppress(FhirError), translated():
                rows = fetch(self.connections.mine(), WRITTEN, (seen,))
                if rows:
                    seen = max(sequence for _, sequence in rows)
                    self.changed.announce(name for name, _ in rows)

    def copying(self) -> Copying:
        """The store, seen by who copies it."""
        assert self.readers is not None
        assert self.writer is not None
        return SqliteCopying(self.readers, self.writer)

    def waiting(self) -> dict[str, int]:
        """Commits and searches that have not begun."""
        if self.writer is None or self.readers is None:
            return {}
        return {"commits": self.writer.waiting(), "searches": self.readers.waiting()}

    def pool(self) -> dict[str, int]:
        """Threads for searches."""
        return {"threads": self.options.readers}

    async def problems(self) -> list[str]:
        """What is wrong with the database file; empty when it is sound. Reads all of it."""
        return await asyncio.to_thread(backup.problems, self.path)

    async def close(self) -> None:
        """Finish what is in flight and let go of files and connections."""
        if self.writer and self.readers and self.connections:
            await asyncio.to_thread(self.writer.close)
            await asyncio.to_thread(self.readers.close)
            self.connections.close()
            os.close(self.in_use)
            self.writer = None


def open_store(path: str | Path, **options: Any) -> SqliteStore:
    """The store in the file at ``path``, created or migrated when needed. ``options`` are those of ``Options``.

    StoreUnusable when it cannot be used: a newer schema, another program's file, a damaged or inaccessible one.
    """
    check_library()
    place, chosen = os.fspath(path), Options(**options)
    try:
        Path(place).resolve().parent.mkdir(parents=True, exist_ok=True)
        in_use = backup.note_use(place)
        connection = _prepare_file(place, chosen)
        secret = fetch(connection, "SELECT value FROM setting WHERE name = 'secret'")[0][0]
        connection.close(True)
    except (apsw.Error, OSError) as error:
        raise StoreUnusable(f"the database {place} cannot be opened: {error}") from error
    return _assemble(place, chosen, secret, in_use)


def _prepare_file(path: str, options: Options) -> apsw.Connection:
    turns = Turns(path)
    try:
        with turns.held():
            connection = connect(path, options, write=True)
            if not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall():
                connection.execute(f"PRAGMA page_size={options.page_size}").fetchall()
            schema.check_version(connection)
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
            schema.migrate(connection)
    finally:
        turns.close()
    return connection


def _assemble(path: str, options: Options, secret: bytes, in_use: int) -> SqliteStore:
    names, connections = Names(), ThreadConnections(path, options)
    readers, writer = Readers(connections, options), Writer(path, options, names)
    resources = SqliteResources(options, names, connections, readers, writer)
    resources.definitions = int(fetch(connections.mine(), DEFINITIONS)[0][0])
    return SqliteStore(
        resources=resources,
        audit=SqliteAudit(connections, readers, writer),
        keys=SqliteKeys(connections, writer),
        intake=SqliteIntake(readers, writer),
        jobs=SqliteJobs(connections, writer),
        persons=SqlitePersons(connections, writer),
        outbox=SqliteOutbox(connections, writer),
        changed=resources.changed,
        secret=secret,
        info={"kind": "sqlite", "path": path, "warnings": _warnings(path)},
        path=path,
        options=options,
        connections=connections,
        readers=readers,
        writer=writer,
        in_use=in_use,
    )


def _warnings(path: str) -> list[str]:
    kind = network_file_system(path)
    if kind is None:
        return []
    sentence = (
        f"the database lies on a network file system ({kind}): its locks cannot be relied on; move it to a local disk"
    )
    log.warning("%s", sentence)
    return [sentence]
