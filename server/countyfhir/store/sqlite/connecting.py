"""Connections to the store's file: how each is set up, and one for each thread that reads."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from countyfhir.search.near import is_within
from countyfhir.store.ports import StoreUnusable
from countyfhir.store.sqlite.options import Options

OLDEST_SQLITE = (3, 51, 3)
"""Older ones have the race of a WAL reset with several connections that can damage the file (sqlite.org, 3.51.3)."""

STATEMENTS = 400
"""Prepared statements that a connection keeps: searches have some hundred shapes, each with two to ten."""

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs", "lustre"}
)


def check_library() -> None:
    """StoreUnusable when the SQLite in use is too old to be safe."""
    found = tuple(int(number) for number in apsw.sqlite_lib_version().split("."))
    if found < OLDEST_SQLITE:
        raise StoreUnusable(f"SQLite {apsw.sqlite_lib_version()} can damage a shared database: install a newer apsw")


def connect(path: str, options: Options, *, write: bool = False) -> apsw.Connection:
    """A connection; one that is not for writing refuses to write."""
    connection = apsw.Connection(path, vfs=options.vfs, statementcachesize=STATEMENTS)
    connection.set_busy_timeout(int(options.busy_limit * 1000) if write else 5000)
    connection.wal_autocheckpoint(0)
    connection.config(
        apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1
    )  # else STAT4 prepares statements anew for every binding (3x slower)
    connection.execute(f"PRAGMA synchronous={options.synchronous}").fetchall()
    connection.execute(f"PRAGMA cache_size={-(options.cache_size // 1024)}").fetchall()
    connection.execute(f"PRAGMA mmap_size={options.map_size}").fetchall()
    connection.execute("PRAGMA temp_store=MEMORY").fetchall()
    connection.execute(f"PRAGMA journal_size_limit={options.wal_soft}").fetchall()
    connection.create_scalar_function("is_within", _is_within, 5, deterministic=True)
    if not write:
        connection.execute("PRAGMA query_only=ON").fetchall()
    return connection


def _is_within(*values: Any) -> bool:
    return is_within(*values)


def fetch(connection: apsw.Connection, sql: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows: the statement is finished, so that it keeps no snapshot open."""
    return connection.execute(sql, bindings).fetchall()


class ThreadConnections:
    """One reading connection for each thread that asks."""

    def __init__(self, path: str, options: Options) -> None:
        self._path, self._options = path, options
        self._local = threading.local()
        self._opened: list[apsw.Connection] = []

    def mine(self) -> apsw.Connection:
        """The calling thread's connection."""
        try:
            return self._local.connection  # type: ignore[no-any-return]
        except AttributeError:
            connection = connect(self._path, self._options)
            self._local.connection = connection
            self._opened.append(connection)
            return connection

    def close(self) -> None:
        """Close all; nothing may be reading."""
        for connection in self._opened:
            connection.close(True)
        self._opened.clear()
        self._local = threading.local()


def network_file_system(path: str) -> str | None:
    """The type of the network file system that holds ``path``, or None (also when that cannot be told)."""
    try:
        with Path("/proc/self/mounts").open(encoding="utf-8") as mounts:
            rows = [line.split(" ")[1:3] for line in mounts]
    except OSError:
        return None
    place = os.path.realpath(path)
    holding = [(point, kind) for point, kind in rows if place == point or place.startswith(point.rstrip("/") + "/")]
    kind = max(holding, key=lambda row: len(row[0]), default=("", ""))[1]
    return kind if kind in NETWORK_FILE_SYSTEMS else None
