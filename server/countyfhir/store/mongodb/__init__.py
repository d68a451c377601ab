"""The store for many institutions: a MongoDB replica set or sharded cluster behind the ports (DESIGN decision 7,
docs/mongodb.md)."""

from countyfhir.store.mongodb.opening import MongoStore
from countyfhir.store.mongodb.opening import open_store as open  # noqa: A004 - the contract's word
from countyfhir.store.mongodb.options import Options

__all__ = ["MongoStore", "Options", "open"]
