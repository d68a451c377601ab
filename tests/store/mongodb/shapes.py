"""Which declared index answers a query: a reading of the rules by which MongoDB uses them (manual, "Indexing
Strategies"). A condition without an index is a walk through a whole collection."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from countyfhir.store.mongodb.layout import INDEXES, Index

Document = dict[str, Any]
_BOUNDS = frozenset({"$eq", "$in", "$gt", "$gte", "$lt", "$lte"})


def index_for(collection: str, where: Document, order: Document | None = None) -> str | None:
    """The name of an index that finds what matches, or yields it in order; None when there is none."""
    if "$or" in where and all(index_for(collection, each) for each in where["$or"]):
        return "each alternative"
    bounded = set(_bounded(where))
    if "_id" in bounded:
        return "_id"
    for index in INDEXES:
        if index.collection == collection and (_leads(index, bounded, where) or _orders(index, where, order)):
            return str(index.keys)
    return None


def _leads(index: Index, bounded: set[str], where: Document) -> bool:
    return index.keys[0][0] in bounded and not (
        "partialFilterExpression" in index.options and not _covers(index, where)
    )


def _covers(index: Index, where: Document) -> bool:
    return any(field in _named(where) for field in index.options["partialFilterExpression"])


def _named(where: Document) -> set[str]:
    found: set[str] = set()
    for name, value in where.items():
        if name == "$and":
            found |= {inner for each in value for inner in _named(each)}
        else:
            found.add(name)
    return found


def _orders(index: Index, where: Document, order: Document | None) -> bool:
    """Whether all of it is walked in the order asked for, so that the first matches end the walk."""
    return bool(order) and not where and [name for name, _ in index.keys][: len(order or {})] == list(order or {})


def _bounded(where: Document, path: str = "") -> Iterator[str]:
    """Fields whose values have bounds: equal to something, in a list, or in a range."""
    for name, value in where.items():
        if name == "$and":
            for each in value:
                yield from _bounded(each, path)
        elif name == "$or":
            alternatives = [set(_bounded(each, path)) for each in value]
            if alternatives:
                yield from set.intersection(*alternatives)
        elif not name.startswith("$"):
            yield from _bounded_field(path + name, value)


def _bounded_field(field: str, value: Any) -> Iterator[str]:
    if not isinstance(value, dict) or not value:
        yield field
    elif "$elemMatch" in value:
        inner = value["$elemMatch"]
        if inner.keys() & _BOUNDS:
            yield field
        else:
            yield from _bounded(inner, f"{field}.")
    elif value.keys() & _BOUNDS or re.match(r"\^", str(value.get("$regex", ""))):
        yield field
