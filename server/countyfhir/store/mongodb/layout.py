"""Collections and their indexes, and what each index is for (docs/mongodb.md says why).

==============  ====================================================================================================
``resource``    the current version of each resource (a deletion too); ``_id`` is ``Type/id``
``version``     versions that were superseded; ``_id`` is ``Type/id/version``
``entry``       what current, undeleted resources are found by, one document each; ``_id`` is ``Type/id``
``more``        entries beyond what one document holds; ``o`` is their owner ``Type/id``
``piece``       bodies too large for one document, in pieces
``setting``     the clock that orders commits, the secret, the schema version
``audit``       groups of audit records
``api_key``, ``intake``, ``job``  as their names say
``subscription``, ``notification``  the outbox: a document a Subscription, a document a notification
``person_record``, ``person_decision``  the index of persons: a document a Patient, a document a pair
==============  ====================================================================================================

Fields: ``t`` type, ``i`` logical id, ``v`` version, ``s`` sequence, ``u`` lastUpdated, ``e`` until when a version was
current, ``d`` deleted, ``m`` method, ``b`` body, ``c`` number of its pieces, ``n`` sequence of the first version, ``p``
patient. In ``entry``: ``k`` keys, ``d`` dates, ``c`` elements of composites, ``r`` references, ``w`` words, ``o`` sort
keys, ``p`` patient it is sharded by, ``x`` number of documents in ``more``, ``a`` who may see whose record. ``by`` in
``resource``: who wrote it first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Keys = tuple[tuple[str, int], ...]

SCHEMA_VERSION = 4


@dataclass(frozen=True, slots=True)
class Index:
    """A declared index: its collection, its keys in order, and options of ``createIndexes``."""

    collection: str
    keys: Keys
    options: dict[str, Any] = field(default_factory=dict)


def _walked(path: str, direction: int) -> Index:
    root = path.rpartition(".")[0]
    return Index(
        "entry",
        (("t", 1), (path, direction), ("n", direction)),
        {"partialFilterExpression": {path: {"$exists": True}}, "name": f"sort_{root}_{direction}"},
    )


WALKED = ("date!d", "birthdate!d", "name:sort!s", "family:sort!s")
"""Sort keys with an index in their order; by others, what matches is sorted when asked (docs/mongodb.md)."""

INDEXES: tuple[Index, ...] = (
    Index("resource", (("t", 1), ("s", -1))),
    Index("resource", (("s", -1),)),
    Index("resource", (("t", 1), ("n", 1))),
    Index("resource", (("n", 1),)),
    Index("version", (("k", 1), ("v", -1))),
    Index("version", (("t", 1), ("s", -1))),
    Index("version", (("s", -1),)),
    Index("entry", (("k", 1), ("n", -1))),
    Index("entry", (("t", 1), ("n", -1))),
    Index("entry", (("t", 1), ("u", -1), ("n", -1))),
    Index("entry", (("t", 1), ("i", 1), ("n", 1))),
    Index("entry", (("d.p", 1), ("d.l", 1))),
    Index("entry", (("d.p", 1), ("d.h", 1))),
    Index("entry", (("c.k", 1),)),
    Index("entry", (("r", 1), ("n", 1))),
    Index("entry", (("w", 1), ("n", -1))),
    Index("entry", (("a.s", 1),)),
    Index("entry", (("a.a", 1), ("a.w", 1))),
    Index("entry", (("p", 1), ("t", 1), ("n", -1))),
    Index("entry", (("t", 1), ("x", 1)), {"partialFilterExpression": {"x": {"$gt": 0}}, "name": "overflowing"}),
    *(_walked(f"o.{key}.{side}", way) for key in WALKED for side, way in (("a", 1), ("d", -1))),
    Index("more", (("o", 1),)),
    Index("more", (("k", 1),)),
    Index("more", (("r", 1),)),
    Index("piece", (("o", 1), ("f", 1))),
    Index("audit", (("keys", 1), ("_id", -1))),
    Index("audit", (("low", 1),)),
    Index("api_key", (("digest", 1),), {"unique": True}),
    Index("intake", (("source", 1), ("key", 1), ("outcome", 1), ("_id", -1))),
    Index("intake", (("held", 1), ("_id", 1)), {"partialFilterExpression": {"held": True}, "name": "held"}),
    Index("job", (("kind", 1), ("created", 1), ("_id", 1))),
    Index("person_record", (("keys", 1),)),
    Index(
        "person_record",
        (("person", 1),),
        {"partialFilterExpression": {"person": {"$type": "string"}}, "name": "members"},
    ),
    Index("person_decision", (("a", 1),)),
    Index("person_decision", (("b", 1),)),
    Index("subscription", (("due", 1),)),
    Index("notification", (("state", 1), ("_id", 1))),
    Index("notification", (("state", 1), ("changed", 1))),
)
"""Built by the schema job; ``_id`` indexes come by themselves."""
