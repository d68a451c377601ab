"""Packed answers: br or gzip as ``Accept-Encoding`` allows (RFC 9110 section 12.5.3)."""

from __future__ import annotations

import zlib
from functools import lru_cache

import brotli


@lru_cache(maxsize=128)
def chosen(accept_encoding: str) -> str | None:
    """The coding to use: br before gzip, None when neither is wanted."""
    wanted: dict[str, float] = {}
    for part in accept_encoding.lower().split(","):
        name, _, quality = part.strip().partition(";q=")
        try:
            wanted[name.strip()] = float(quality) if quality else 1.0
        except ValueError:
            wanted[name.strip()] = 0.0
    for coding in ("br", "gzip"):
        if wanted.get(coding, wanted.get("*", 0.0)) > 0:
            return coding
    return None


def packed(body: bytes, coding: str) -> bytes:
    """The body in the coding, at the fast settings that suit answers made once."""
    if coding == "br":
        return bytes(brotli.compress(body, quality=4))
    packer = zlib.compressobj(5, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return packer.compress(body) + packer.flush()
