"""A disk that is full, that may no longer be written, that fails: the write is refused with 507 or 503, nothing of it
is there, reads go on, and when the disk is well again so is the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from pymongo import errors

from countyfhir.outcome import FhirError
from countyfhir.store import sqlite
from countyfhir.store.mongodb.faults import fault
from tests.durability.bundles import SIZE, bundle, examine


class FailingDisk(apsw.VFS):
    """A VFS whose writes or syncs raise ``error`` while one is set. ``fails``: which of both."""

    def __init__(self, name: str, fails: str) -> None:
        self.error: Callable[[], Exception] | None = None
        self.fails = fails
        super().__init__(name, "unix")

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> FailingFile:
        return FailingFile(self, name, flags)

    def about_to(self, act: str) -> None:
        """Raise where it is to fail."""
        if self.error is not None and act == self.fails:
            raise self.error()


class FailingFile(apsw.VFSFile):
    """One file on that disk."""

    def __init__(self, disk: FailingDisk, name: apsw.URIFilename | str | None, flags: list[int]) -> None:
        self.disk = disk
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self.disk.about_to("write")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        self.disk.about_to("sync")
        super().xSync(flags)


FAILURES = {
    "full": (apsw.FullError, "write", 507),
    "input/output error": (apsw.IOError, "write", 503),
    "sync fails": (apsw.IOError, "sync", 503),
    "no permission any more": (apsw.PermissionsError, "write", 503),
    "read-only": (apsw.ReadOnlyError, "write", 503),
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_failing_disk_refuses_and_recovers(tmp_path: Path, name: str) -> None:
    """Several writers at once; what was acknowledged before, between and after is there, whole, and nothing else is by
    half."""
    error, fails, status = FAILURES[name]
    disk = FailingDisk(f"failing-{name}", fails)
    acknowledged: list[str] = []
    statuses: set[int] = set()

    async def story() -> None:
        store = sqlite.open(tmp_path / "a.sqlite", vfs=disk.vfs_name)

        async def write(prefix: str) -> None:
            for number in range(8):
                try:
                    await store.resources.commit(bundle(f"{prefix}{number}"))
                except FhirError as refusal:
                    statuses.add(refusal.status)
                else:
                    acknowledged.append(f"{prefix}{number}")

        await asyncio.gather(write("a"), write("b"))
        assert len(acknowledged) == 16
        disk.error = error
        await asyncio.gather(write("c"), write("d"))
        assert await store.resources.read("Location", "a0-0") is not None
        disk.error = None
        await asyncio.gather(write("e"), write("f"))
        assert {"e7", "f7"} <= set(acknowledged)
        await store.close()

    disk.vfs_name = f"failing-{name}"  # type: ignore[attr-defined]
    asyncio.run(story())
    disk.unregister()
    assert statuses == {status}
    verdict = examine(tmp_path / "a.sqlite", acknowledged)
    assert verdict.sound, verdict
    assert SIZE == 4


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.OperationFailure("No space left on device", 14031), 507),
        (errors.OperationFailure("not authorized", 13), 503),
        (errors.AutoReconnect("connection closed"), 503),
        (errors.ServerSelectionTimeoutError("no primary"), 503),
        (errors.NotPrimaryError("not primary", {"code": 10107}), 503),
        (errors.OperationFailure("interrupted at shutdown", 11600), 503),
        (errors.OperationFailure("operation exceeded time limit", 50), 503),
        (errors.DocumentTooLarge("too large"), 413),
    ],
)
def test_what_mongodb_says_of_its_disk_and_network_is_a_sentence(error: errors.PyMongoError, status: int) -> None:
    """Never the driver's own words."""
    said = fault(error)
    assert said.status == status
    assert str(error) not in str(said)
    assert status != 503 or "Retry-After" in said.headers or "account" in str(said)
