"""What the ledger already knows about a record, and the outcome that follows (DESIGN decision 10)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from countyfhir.exchange import SourceRecord
from countyfhir.mapping.record import MappedRecord

SHARED = "shared-resources"
"""The ledger's name for resources that several records state; their key is the reference."""
SUPERSEDED = "superseded-records"
"""The ledger's name for records that another one of the same version, or as they without any, took the place of; their
key tells where they stood (``standing``)."""
WITHDRAWN = "withdrawn"
"""Stands for the digest of a record that its source has deleted; its resources were withdrawn (none: it was deleted
when it was first seen)."""


def content_digest(resources: tuple[dict[str, Any], ...]) -> str:
    """SHA-256 of what a record was mapped to, so that a change no mapping looks at is no change."""
    text = json.dumps(resources, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def record_digest(record: MappedRecord) -> str:
    """The digest of what a record states: its resources, and what they leave as it is."""
    if not record.kept:
        return content_digest(record.resources)
    kept = {name: [sorted(one.cleared), sorted(one.assumed)] for name, one in record.kept.items()}
    return content_digest((*record.resources, *record.changes, kept))


@dataclass(frozen=True, slots=True)
class Decision:
    """``outcome`` of a record; for a stored one which references to write and which to withdraw, and the ``activity``
    that its Provenance states (v3-DataOperation)."""

    outcome: str
    digest: str = ""
    write: tuple[str, ...] = ()
    withdraw: tuple[str, ...] = ()
    activity: str = "CREATE"
    late: bool = False  # an older version that only adds what the newer ones left out


def decide(
    record: MappedRecord,
    known: Mapping[str, SourceRecord],
    shared: Mapping[str, SourceRecord],
    keeps: bool = False,
    names: Mapping[str, str] | None = None,
) -> Decision:
    """``unchanged`` for the same content and for an older version that has nothing to add; else what is new. ``known``
    is what the ledger remembers under the record's key and subject. A resource that the record no longer yields is
    withdrawn, unless other records state it too or the mapping ``keeps`` it. ``names``: by which resources its events
    stand."""
    if record.outcome != "mapped":
        return Decision(record.outcome)
    digest = record.digest or record_digest(record)
    itself, prior = known.get(record.key), known.get(record.subject)
    if itself is not None and digest == itself.digest:
        return Decision("unchanged", digest)
    if prior is not None and digest == prior.digest:
        return Decision("unchanged", digest)
    if prior is not None and older(record.version_key, prior.version_key):
        return belated(record, prior, digest)
    resources = {f"{resource['resourceType']}/{resource['id']}": resource for resource in record.resources}
    write = tuple(
        reference
        for reference, resource in resources.items()
        if reference not in record.shared
        or reference in record.merges
        or (reference in record.kept and reference not in record.stubs)
        or news(record, reference, resource, shared.get(reference))
    )
    before = prior.resources if prior is not None and not keeps else ()
    standing = {(names or {}).get(reference, reference) for reference in resources}
    gone = [reference for reference in before if reference not in standing]
    withdraw = tuple(reference for reference in gone if reference not in shared)
    return Decision("stored", digest, write, withdraw, "CREATE" if prior is None else "UPDATE")


def belated(record: MappedRecord, prior: SourceRecord, digest: str) -> Decision:
    """An older version that comes later: ``unchanged``, unless it states resources that keep what others left out."""
    if prior.digest == WITHDRAWN or record.subject == record.key:
        return Decision("unchanged", digest)
    stated = tuple(f"{one['resourceType']}/{one['id']}" for one in record.resources)
    write = tuple(reference for reference in stated if reference in record.kept and reference not in record.stubs)
    return Decision("stored" if write else "unchanged", digest, write, (), "UPDATE", late=True)


def decide_deleted(record: MappedRecord, prior: SourceRecord | None, shared: dict[str, SourceRecord]) -> Decision:
    """The outcome of a record that its source marks as deleted: ``rejected`` at first sight and when it is an older
    version than the stored one, ``unchanged`` when its resources were withdrawn before, ``stored`` when they are
    withdrawn now, ``waiting`` when only the rest of the file tells whether the record lives on in another row."""
    if prior is None:
        return Decision("rejected")
    if prior.digest == WITHDRAWN:
        return Decision("unchanged" if prior.resources else "rejected")
    if older(record.version_key, prior.version_key):
        return Decision("rejected")
    if older(prior.version_key, record.version_key):
        return withdrawal(prior, shared)
    return Decision("waiting")


def withdrawal(prior: SourceRecord, shared: dict[str, SourceRecord]) -> Decision:
    """All that a record became is withdrawn, but for what other records state too."""
    own = tuple(reference for reference in prior.resources if reference not in shared)
    return Decision("stored", WITHDRAWN, (), own, "NULLIFY")


def standing(mapping: str, key: str, file_digest: str, number: int) -> str:
    """Where a record of a mapping stood: its key, the file by its content, the number in it."""
    return f"{mapping}|{file_digest}|{number}|{key}"


def superseded(prior: SourceRecord | None, record: MappedRecord, digest: str, place: str) -> tuple[SourceRecord, ...]:
    """What the ledger remembers of the record that this one, which stands at ``place``, takes the place of: read again,
    in its file, it changes nothing. Versions that differ tell the order by themselves."""
    if prior is None or prior.version_key != record.version_key or prior.digest in (digest, WITHDRAWN):
        return ()
    stood = standing(prior.source, prior.key, prior.file_digest, prior.record)
    return () if stood == place else (replace(prior, source=SUPERSEDED, key=stood, outcome="unchanged", raw=None),)


def older(version_key: str, than: str) -> bool:
    """Whether a version comes before another; without a version there is no order."""
    return bool(version_key and than) and version_key < than


def news(record: MappedRecord, reference: str, resource: dict[str, Any], prior: SourceRecord | None) -> bool:
    """Whether what a record states about a shared resource is new; a stub says nothing beside anything else."""
    if prior is None:
        return True
    if reference in record.stubs or older(record.version_key, prior.version_key):
        return False
    return content_digest((resource,)) != prior.digest
