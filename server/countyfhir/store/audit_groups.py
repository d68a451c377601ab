"""Audit records as stores keep them: groups that were committed together, and keys that say what a group is about.

A record costs a fraction of what a row or document of its own with its indexes would: accesses outnumber writes by far.
The number of a record is its group's (that of the last one) less its distance from the end; a removed one leaves None
in its place.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from countyfhir.exchange import AuditRecord, Stored, changed

Numbered = tuple[int, AuditRecord]

MOST = 1000  # records of one group
WORTH_PACKING = 2_000  # bytes from which a group is packed
PACKED = b"\x78"
"""How packed records (zlib) begin; unpacked ones begin as a MessagePack array."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[AuditRecord | None]).decode

TERMS: Mapping[str, Callable[[AuditRecord, Any], bool]] = {
    "patient": lambda record, value: value in record.patients,
    "since": lambda record, value: record.recorded >= value,
    "until": lambda record, value: record.recorded < value,
    "principal": lambda record, value: record.principal == value,
    "action": lambda record, value: record.action == value,
    "interaction": lambda record, value: record.interaction == value,
    "outcome": lambda record, value: record.outcome == value,
    "resource": lambda record, value: (record.resource_type, record.logical_id) == tuple(value),
}
"""What one can ask for. ``until`` is exclusive."""


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


KEYS: Mapping[str, Callable[[Any], str | None]] = {
    "patient": patient_key,
    "resource": lambda value: resource_key(*value),
    "outcome": lambda value: None if value == "0" else outcome_key(value),
    "principal": principal_key,
}
"""Criteria that groups are found by, the most selective first."""


def asked(criteria: Mapping[str, Any]) -> dict[str, Any]:
    """The criteria that say something; ValueError for an unknown one."""
    unknown = criteria.keys() - TERMS.keys()
    if unknown:
        raise ValueError(f"audit records cannot be found by {', '.join(sorted(unknown))}")
    return {name: value for name, value in criteria.items() if value is not None}


def decoded(plain: bytes) -> list[AuditRecord | None]:
    """The records of a group as MessagePack."""
    return _decode(plain)


def packed(records: Sequence[AuditRecord | None]) -> bytes:
    """The records of a group as they are kept."""
    plain = _encode(records)
    return zlib.compress(plain, 1) if len(plain) >= WORTH_PACKING else plain


def unpacked(kept: bytes) -> list[AuditRecord | None]:
    """The records of a group; a field that is newer than the group has its default."""
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


def with_versions(records: Sequence[AuditRecord], stored: Sequence[Stored]) -> list[AuditRecord]:
    """The records of writes name the versions they made, which only the commit knows."""
    made = {(one.resource_type, one.logical_id): str(one.version_id) for one in reversed(stored)}
    return [
        changed(record, version_id=version)
        if record.version_id is None and (version := made.get((record.resource_type or "", record.logical_id or "")))
        else record
        for record in records
    ]
