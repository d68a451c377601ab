"""Audit records as rows: a row for each group that was committed together, and keys that say what the group is about.

A record costs a fraction of what a row of its own with its indexes would: accesses outnumber writes by far. The number
of a record is the group's ``seq`` (its last) less its distance from the end; a removed one leaves None in its place.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence

import apsw
import msgspec

from countyfhir.exchange import AuditRecord
from countyfhir.store.sqlite.connecting import fetch

Numbered = tuple[int, AuditRecord]

MOST = 1000  # records of one group
WORTH_PACKING = 2_000  # bytes from which a group is packed
PACKED = b"\x78"
"""How packed records (zlib) begin; unpacked ones begin as a MessagePack array."""

INSERT = "INSERT INTO audit VALUES (?, ?, ?, ?, ?)"
INSERT_KEY = "INSERT INTO audit_key VALUES (?, ?)"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[AuditRecord | None]).decode


def insert(connection: apsw.Connection, records: Sequence[AuditRecord]) -> None:
    """Append inside the transaction that is open."""
    last = fetch(connection, "SELECT coalesce(max(seq), 0) FROM audit")[0][0]
    for start in range(0, len(records), MOST):
        group = records[start : start + MOST]
        last += len(group)
        instants = [record.recorded for record in group]
        row = (last, len(group), min(instants), max(instants), packed(group))
        connection.execute(INSERT, row)
        connection.executemany(INSERT_KEY, [(key, last) for key in keys_of(group)])


def packed(records: Sequence[AuditRecord | None]) -> bytes:
    """The records of a group as they are kept."""
    plain = _encode(records)
    return zlib.compress(plain, 1) if len(plain) >= WORTH_PACKING else plain


def unpacked(kept: bytes) -> list[AuditRecord | None]:
    """The records of a group; a field that is newer than the row has its default."""
    return _decode(zlib.decompress(kept) if kept[:1] == PACKED else kept)


def numbered(last: int, kept: bytes) -> Iterator[Numbered]:
    """The records of a group that are still there, newest first, with their numbers."""
    for distance, record in enumerate(reversed(unpacked(kept))):
        if record is not None:
            yield last - distance, record


def keys_of(records: Iterable[AuditRecord]) -> set[str]:
    """What a group can be found by: its principals, patients, resources, and that something failed."""
    keys: set[str] = set()
    for record in records:
        keys.add(principal_key(record.principal))
        keys.update(map(patient_key, record.patients))
        if record.logical_id is not None:
            keys.add(resource_key(record.resource_type, record.logical_id))
        if record.outcome != "0":
            keys.add(outcome_key(record.outcome))
    return keys


def principal_key(name: str) -> str:
    """The key of who asked."""
    return f"u{name}"


def patient_key(logical_id: str) -> str:
    """The key of a patient concerned."""
    return f"p{logical_id}"


def resource_key(resource_type: str | None, logical_id: str) -> str:
    """The key of a resource accessed."""
    return f"r{resource_type}/{logical_id}"


def outcome_key(outcome: str) -> str:
    """The key of a failure; successes have none."""
    return f"o{outcome}"
