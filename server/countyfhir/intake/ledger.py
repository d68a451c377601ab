"""What the ledger already knows about a record, and the outcome that follows (DESIGN decision 10)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from countyfhir.mapping.record import MappedRecord
from countyfhir.store.ports import SourceRecord

SHARED = "shared-resources"
"""The ledger's name for resources that several records state; their key is the reference."""


def content_digest(resources: tuple[dict[str, Any], ...]) -> str:
    """SHA-256 of what a record was mapped to, so that a change no mapping looks at is no change."""
    text = json.dumps(resources, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Decision:
    """``outcome`` of a record; for a stored one which references to write and which to delete."""

    outcome: str
    digest: str = ""
    write: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    update: bool = False


def decide(
    record: MappedRecord, known: dict[str, SourceRecord], shared: dict[str, SourceRecord], keeps: bool = False
) -> Decision:
    """``unchanged`` for the same content and for an older version; else what is new. ``known`` is what the ledger
    remembers under the record's key and subject. A resource that the record no longer yields is deleted, unless other
    records state it too or the mapping ``keeps`` it."""
    if record.outcome != "mapped":
        return Decision(record.outcome)
    digest = content_digest(record.resources)
    itself, prior = known.get(record.key), known.get(record.subject)
    if itself is not None and digest == itself.digest:
        return Decision("unchanged", digest)
    if prior is not None and (digest == prior.digest or older(record.version_key, prior.version_key)):
        return Decision("unchanged", digest)
    resources = {f"{resource['resourceType']}/{resource['id']}": resource for resource in record.resources}
    write = tuple(
        reference
        for reference, resource in resources.items()
        if reference not in record.shared or news(record, reference, resource, shared.get(reference))
    )
    before = prior.resources if prior is not None and not keeps else ()
    gone = [reference for reference in before if reference not in resources]
    delete = tuple(reference for reference in gone if reference not in shared)
    return Decision("stored", digest, write, delete, prior is not None)


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
