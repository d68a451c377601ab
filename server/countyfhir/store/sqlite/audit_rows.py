"""Audit records as rows: the columns one can ask for, and what else a record says in one compact value beside them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import apsw
import msgspec

from countyfhir.exchange import AuditRecord
from countyfhir.store.sqlite.connecting import fetch

COLUMNS = ("recorded", "principal", "action", "interaction", "outcome", "resource_type", "logical_id")
"""What has a column of its own."""

_REST = tuple(field for field in msgspec.structs.fields(AuditRecord) if field.name not in COLUMNS)
_Rest = msgspec.defstruct("_Rest", [(field.name, field.type, field.default) for field in _REST], array_like=True)
_columns = attrgetter(*COLUMNS)
_rest = attrgetter(*(field.name for field in _REST))
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Rest).decode

SELECTED = ", ".join(f"a.{column}" for column in (*COLUMNS, "rest"))
"""The columns that ``record_of`` takes; the table's alias is ``a``."""
INSERT = f"INSERT INTO audit(seq, {', '.join(COLUMNS)}, rest) VALUES (?{', ?' * (len(COLUMNS) + 1)})"
INSERT_PATIENT = "INSERT INTO audit_patient VALUES (?, ?)"


def insert(connection: apsw.Connection, records: Sequence[AuditRecord]) -> None:
    """Append inside the transaction that is open."""
    first = fetch(connection, "SELECT coalesce(max(seq), 0) + 1 FROM audit")[0][0]
    numbered = list(enumerate(records, first))
    connection.executemany(INSERT, [(number, *_columns(record), _encode(_rest(record))) for number, record in numbered])
    patients = [
        (patient, number)
        for number, record in numbered
        if record.patients
        for patient in dict.fromkeys(record.patients)
    ]
    if patients:
        connection.executemany(INSERT_PATIENT, patients)


def record_of(row: Sequence[Any]) -> AuditRecord:
    """The record as it was appended, from the columns ``SELECTED``. A field that is newer than the row has its
    default."""
    *columns, rest = row
    known = dict(zip(COLUMNS, columns, strict=True))
    return AuditRecord(**known, **msgspec.structs.asdict(_decode(rest)))
