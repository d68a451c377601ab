"""Groups of audit records (``store.audit_groups``) as rows: one a group, numbered by its last record, and its keys."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from countyfhir.exchange import AuditRecord
from countyfhir.store.audit_groups import MOST, keys_of, packed
from countyfhir.store.sqlite.connecting import fetch

INSERT = "INSERT INTO audit VALUES (?, ?, ?, ?, ?)"
INSERT_KEY = "INSERT INTO audit_key VALUES (?, ?)"


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
