"""The embedded store: one SQLite file behind the ports (DESIGN decision 7, docs/decisions/0003-sqlite-layout.md)."""

from countyfhir.store.sqlite.opening import open_store as open
from countyfhir.store.sqlite.options import Options

__all__ = ["Options", "open"]
