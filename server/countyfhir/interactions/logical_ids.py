"""Logical ids that the server gives (R4 section 2.27.1)."""

from __future__ import annotations

import secrets
import time

_DRAWN: list[str] = []
"""Random halves of ids, drawn in blocks: each draw lets other threads go first, which costs a busy writer dearly."""


def new_id() -> str:
    """A fresh logical id: time-ordered, so that new rows lie together in the store's index, then 64 random bits."""
    if not _DRAWN:
        block = secrets.token_hex(8 * 512)
        _DRAWN.extend(block[at : at + 16] for at in range(0, len(block), 16))
    return f"{time.time_ns() // 1_000_000:011x}-{_DRAWN.pop()}"
