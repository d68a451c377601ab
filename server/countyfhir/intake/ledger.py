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


def decide(record: MappedRecord, prior: SourceRecord | None, shared: dict[str, SourceRecord]) -> Decision:
    """``unchanged`` for the same content and for an older version; else what is new. A resource that the record no
    longer yields is deleted, unless other records state it too."""
    if record.outcome != "mapped":
        return Decision(record.outcome)
    digest = content_digest(record.resources)
    if prior is not None and (digest == prior.digest or older(record.version_key, prior.version_key)):
        return Decision("unchanged", digest)
    resources = {f"{resource['resourceType']}/{resource['id']}": resource for resource in record.resources}
    write = tuple(
        reference
        for reference, resource in resources.items()
        if reference not in record.shared or newer(resource, record.version_key, shared.get(reference))
    )
    gone = [reference for reference in (prior.resources if prior else ()) if reference not in resources]
    delete = tuple(reference for reference in gone if reference not in shared)
    return Decision("stored", digest, write, delete, prior is not None)


def older(version_key: str, than: str) -> bool:
    """Whether a version comes before another; without a version there is no order."""
    return bool(version_key and than) and version_key < than


def newer(resource: dict[str, Any], version_key: str, prior: SourceRecord | None) -> bool:
    """Whether a shared resource says something new."""
    if prior is None:
        return True
    return not older(version_key, prior.version_key) and content_digest((resource,)) != prior.digest
