"""Audit records as rows: the columns one can ask for, and the whole record beside them."""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import msgspec

from countyfhir.exchange import AuditRecord

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(AuditRecord).decode


def insert(connection: apsw.Connection, records: Sequence[AuditRecord]) -> None:
    """Append inside the transaction that is open."""
    for record in records:
        connection.execute(
            "INSERT INTO audit(recorded, principal, action, interaction, outcome, resource_type, logical_id, record)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.recorded,
                record.principal,
                record.action,
                record.interaction,
                record.outcome,
                record.resource_type,
                record.logical_id,
                _encode(record),
            ),
        )
        sequence = connection.last_insert_rowid()
        for patient in dict.fromkeys(record.patients):
            connection.execute("INSERT INTO audit_patient VALUES (?, ?)", (patient, sequence))


def record_of(blob: bytes) -> AuditRecord:
    """The record as it was appended."""
    return _decode(blob)
