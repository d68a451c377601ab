"""From one store to another: everything, history included, in order, again and again until both hold the same."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from countyfhir.exchange import Stored
from countyfhir.store.ports import StoreUnusable

Row = tuple[int | str, bytes]
"""A row of a ledger: what orders it, and everything in it, encoded alike by every store."""

LEDGERS = ("author", "audit", "intake", "api_key", "job", "person_decision", "subscription", "notification")
"""``author`` says who wrote a resource first: its type, logical id and Organizations, by the sequence of its present
version."""
AT_ONCE = 500
BYTES_AT_ONCE = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Kept:
    """What a store keeps besides: the secret of its cursors, the version of its search definitions, and up to which
    sequence changes have been looked at for notifications."""

    secret: bytes
    definitions: int
    followed: int = 0


class Copying(Protocol):
    """A store, seen by who copies it. What is taken twice is there once."""

    async def kept(self) -> Kept:
        """Secret and definitions version."""

    async def take_kept(self, kept: Kept) -> None:
        """Have these from now on; takes effect when the store is opened again."""

    async def last(self) -> int:
        """The greatest sequence number of a version; 0 when there is none."""

    async def versions(self, after: int, count: int) -> list[Stored]:
        """The next versions in the order they were committed."""

    async def take(self, versions: Sequence[Stored]) -> None:
        """Keep these versions as they are, in one transaction; index entries come with a reindex."""

    async def rows(self, ledger: str, after: int | str | None, count: int) -> list[Row]:
        """The next rows of a ledger."""

    async def take_rows(self, ledger: str, rows: Sequence[Row]) -> None:
        """Keep these rows."""


Told = Callable[[str, int], None]
"""Hears what is copied or compared, and how many of it so far."""


async def copy(source: Copying, target: Copying, told: Told) -> None:
    """Everything that the target does not have yet. StoreUnusable when the target holds something else."""
    kept, there = await source.kept(), await target.kept()
    if await target.last() and kept.secret != there.secret:
        raise StoreUnusable("the target holds resources of another store: name an empty one")
    await target.take_kept(kept)
    after = await target.last()
    counted = 0
    async for versions in _batches(source, after):
        await target.take(versions)
        counted += len(versions)
        told("versions", counted)
    for ledger in LEDGERS:
        counted = 0
        async for rows in _rows(source, ledger):
            await target.take_rows(ledger, rows)
            counted += len(rows)
            told(ledger, counted)


async def _batches(source: Copying, after: int) -> AsyncIterator[list[Stored]]:
    """Versions in batches of bounded number and size."""
    while read := await source.versions(after, AT_ONCE):
        batch: list[Stored] = []
        size = 0
        for version in read:
            size += len(version.body or b"")
            if batch and size > BYTES_AT_ONCE:
                yield batch
                batch, size = [], len(version.body or b"")
            batch.append(version)
        yield batch
        after = read[-1].sequence


async def _rows(source: Copying, ledger: str) -> AsyncIterator[list[Row]]:
    after: int | str | None = None
    while rows := await source.rows(ledger, after, AT_ONCE):
        yield rows
        after = rows[-1][0]


@dataclass(frozen=True, slots=True)
class Sum:
    """How many there are, and a hash (SHA-256) over all of them in order."""

    count: int
    digest: str


async def sums(store: Copying, told: Told) -> dict[str, Sum]:
    """What a store holds, to be compared with another: every version with its body, and every row of its ledgers."""
    found = {}
    running, counted, after = hashlib.sha256(), 0, 0
    async for versions in _batches(store, after):
        for version in versions:
            told_of = (*_identity(version), version.body)
            running.update(msgspec.msgpack.encode(told_of))
        counted += len(versions)
        told("versions compared", counted)
    found["versions"] = Sum(counted, running.hexdigest())
    for ledger in LEDGERS:
        running, counted = hashlib.sha256(), 0
        async for rows in _rows(store, ledger):
            for row in rows:
                running.update(msgspec.msgpack.encode(row))
            counted += len(rows)
        found[ledger] = Sum(counted, running.hexdigest())
    return found


def _identity(version: Stored) -> tuple[object, ...]:
    return (
        version.sequence,
        version.resource_type,
        version.logical_id,
        version.version_id,
        version.last_updated,
        version.method,
    )
