"""The embedded store: one SQLite file behind the ports (DESIGN decision 7, docs/decisions/0003-sqlite-layout.md)."""

from countyfhir.store.sqlite.backup import problems, restore
from countyfhir.store.sqlite.opening import SqliteStore
from countyfhir.store.sqlite.opening import open_store as open  # noqa: A004 - the contract's word
from countyfhir.store.sqlite.options import Options

__all__ = ["Options", "SqliteStore", "open", "problems", "restore"]
