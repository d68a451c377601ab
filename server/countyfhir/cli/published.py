"""Which resources of a store are R4's own definitions as they were published, which every server has by itself."""

from __future__ import annotations

from countyfhir.exchange import Resource, Stored
from countyfhir.model import json, library

STAMPS = ("versionId", "lastUpdated")
"""What a server adds to ``meta``."""


class R4Definitions:
    """R4's own definitions, as published; read when the first resource of their types is asked about."""

    def __init__(self) -> None:
        self.published: dict[str, bytes] | None = None

    def holds(self, stored: Stored) -> bool:
        """Whether this is one of them, unchanged but for the server's stamps."""
        if stored.resource_type not in library.BASE_TYPES or stored.body is None:
            return False
        if self.published is None:
            self.published = {_key(json.parse(line)): line for line in library.base_lines()}
        line = self.published.get(f"{stored.resource_type}/{stored.logical_id}")
        return line is not None and _unstamped(line) == _unstamped(stored.body)


def _key(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _unstamped(text: bytes) -> Resource:
    resource = json.parse(text)
    meta = {name: value for name, value in resource.pop("meta", {}).items() if name not in STAMPS}
    return resource | ({"meta": meta} if meta else {})
