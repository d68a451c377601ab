"""The logical ids of golden records: known by their form, the same for the same group in every process."""

from __future__ import annotations

import base64
import hashlib

PREFIX = "person-"


def golden_id(members: frozenset[str] | set[str]) -> str:
    """The id of the golden record that a group gets when it has none yet: it follows from its first member."""
    digest = hashlib.sha256(min(members).encode()).digest()[:16]
    return PREFIX + base64.b32encode(digest).decode().rstrip("=").lower()


def is_golden(logical_id: str) -> bool:
    """Whether an id has the form of a golden record's."""
    return logical_id.startswith(PREFIX) and len(logical_id) == len(PREFIX) + 26
