"""Logical ids that follow from source, type and natural key, so that the same record is always the same resource."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache


@lru_cache(maxsize=65536)
def stable_id(source: str, resource_type: str, key: str) -> str:
    """26 letters and digits (the first 130 bits of SHA-256 in base32): a valid FHIR id, the same on every machine."""
    digest = hashlib.sha256(f"{source}\n{resource_type}\n{key}".encode()).digest()
    return base64.b32encode(digest[:20]).decode("ascii").lower()[:26]
