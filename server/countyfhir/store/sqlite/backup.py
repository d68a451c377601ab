"""A consistent copy of the store while it serves, and the way back (sqlite.org/lang_vacuum.html, VACUUM INTO)."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from countyfhir.store.ports import StoreUnusable
from countyfhir.store.sqlite import schema
from countyfhir.store.sqlite.connecting import connect, fetch
from countyfhir.store.sqlite.options import Options

PROBLEMS_NAMED = 20
PATIENCE = 10_000  # milliseconds to wait for who writes


def copy(path: str, target: str | Path, options: Options) -> None:
    """Write a compact copy of the database at ``path`` to ``target``, complete and durable, or nothing.

    FileExistsError when ``target`` is there, StoreUnusable when there is no database at ``path``. Works beside a
    running server: it sees one state, writers go on.
    """
    if not Path(path).is_file():
        raise StoreUnusable(f"there is no database at {path}")
    in_use = note_use(path)
    try:
        _copied(Path(target), lambda partial: _vacuum_into(path, partial, options))
    finally:
        os.close(in_use)


def copy_beside(path: Path, target: Path) -> None:
    """The same for a database of another kind that belongs to the store: the concept index."""

    def vacuum(partial: Path) -> None:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.set_busy_timeout(PATIENCE)
            connection.execute("VACUUM INTO ?", (str(partial),))
        finally:
            connection.close(True)

    _copied(target, vacuum)


def restore_beside(source: Path, place: Path) -> None:
    """Put the copy of such a database back; what was there is kept beside it. Call it while the store is ``alone``'s or
    nobody serves it."""
    fresh = place.with_name(place.name + ".restoring")
    shutil.copyfile(source, fresh)
    _make_durable(fresh)
    _keep_old(place)
    fresh.replace(place)
    _make_durable(place.parent)


def _copied(place: Path, write: Callable[[Path], None]) -> None:
    if place.exists():
        raise FileExistsError(f"{place} exists: name a new file")
    partial = place.with_name(place.name + ".partial")
    partial.unlink(missing_ok=True)
    try:
        write(partial)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _make_durable(partial)
    os.link(partial, place)
    partial.unlink()
    _make_durable(place.parent)


def _vacuum_into(path: str, partial: Path, options: Options) -> None:
    connection = connect(path, options, write=True)
    try:
        schema.check_version(connection)
        connection.execute("VACUUM INTO ?", (str(partial),))
    finally:
        connection.close(True)


def problems(path: str | Path) -> list[str]:
    """What is wrong with a database file: not ours, newer than the program, damaged. Empty when it is sound."""
    if not Path(path).is_file():
        return ["there is no such file"]
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            if schema.check_version(connection) == 0:
                return ["the file is not a database of this program"]
            rows = fetch(connection, f"PRAGMA integrity_check({PROBLEMS_NAMED})")
        finally:
            connection.close(True)
    except StoreUnusable as refusal:
        return [str(refusal)]
    except apsw.Error as error:
        return [f"the file cannot be read as a database: {error}"]
    return [str(row[0]) for row in rows if row[0] != "ok"]


def restore(source: str | Path, path: str | Path) -> None:
    """Check the copy at ``source`` and put it in the place of the database at ``path``; what was there is kept
    beside it.

    StoreUnusable, and nothing changed, when the copy is not sound or a server (or command) has the database open.
    """
    place = Path(path)
    fresh = place.with_name(place.name + ".restoring")
    with alone(str(place)):
        shutil.copyfile(source, fresh)
        try:
            found = problems(fresh)
            if found:
                raise StoreUnusable(f"{source} cannot be restored: {found[0]}")
            _make_durable(fresh)
            _keep_old(place)
            fresh.replace(place)
            _make_durable(place.parent)
        finally:
            for leftover in (fresh, Path(f"{fresh}-wal"), Path(f"{fresh}-shm")):
                leftover.unlink(missing_ok=True)


def _keep_old(place: Path) -> None:
    """The old database whole in one file (its log copied back), under a second name; no log of it stays behind."""
    if place.exists():
        with suppress(apsw.Error):
            old = apsw.Connection(str(place))
            old.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            old.close(True)
        kept = place.with_name(place.name + ".replaced")
        kept.unlink(missing_ok=True)
        os.link(place, kept)
    for log in (Path(f"{place}-wal"), Path(f"{place}-shm")):
        log.unlink(missing_ok=True)


def note_use(path: str) -> int:
    """Say that this process has the database open, until the returned file descriptor is closed.

    StoreUnusable while a copy is being restored into its place.
    """
    descriptor = os.open(f"{path}-open", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreUnusable("the database is being restored: start again when that is done") from error
    return descriptor


@contextmanager
def alone(path: str) -> Iterator[None]:
    """Keep every other process from opening the database; StoreUnusable when one has it open."""
    descriptor = os.open(f"{path}-open", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreUnusable("the database is open in a running server or command: stop it first") from error
        yield
    finally:
        os.close(descriptor)


def _make_durable(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
