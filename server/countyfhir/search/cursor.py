"""Page cursors: the sort keys of the last row, sealed and bound to what was searched and by whom (R4 section
3.1.1.5.6).

A cursor is base64url of a MessagePack array ``[keys]`` before which stand 16 bytes of HMAC-SHA-256 over the keys,
the digest of the search and the digest of the grant. It holds no state of the server: it survives restarts and any
worker.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

import msgspec

from countyfhir.outcome import FhirError

_SEAL_LENGTH = 16
_LONGEST = 8_192
_REFUSED = "The _cursor is not one of this server for this search and this caller; start again from the first page."


def encode(keys: tuple[object, ...], secret: bytes, query_digest: str, grant_digest: str) -> str:
    """The opaque text of ``keys`` (None, bool, int, str, bytes, float and nested tuples of them)."""
    payload = msgspec.msgpack.encode(keys)
    sealed = _seal(payload, secret, query_digest, grant_digest) + payload
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")


def decode(text: str, secret: bytes, query_digest: str, grant_digest: str) -> tuple[object, ...]:
    """The keys of a cursor made by ``encode`` with the same secret and digests; FhirError 400 for any other text."""
    sealed = _bytes_of(text)
    seal, payload = sealed[:_SEAL_LENGTH], sealed[_SEAL_LENGTH:]
    if not hmac.compare_digest(seal, _seal(payload, secret, query_digest, grant_digest)):
        raise FhirError("invalid", _REFUSED)
    keys = _as_tuples(msgspec.msgpack.decode(payload))
    assert isinstance(keys, tuple)
    return keys


def query_digest(parts: Iterable[object]) -> str:
    """A digest of what was searched: the parts (types, compartment, parameters in order) that make pages one search."""
    return hashlib.sha256(repr(tuple(parts)).encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _bytes_of(text: str) -> bytes:
    if len(text) > _LONGEST or not text.isascii():
        raise FhirError("invalid", _REFUSED)
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise FhirError("invalid", _REFUSED) from None
    if base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii") != text:
        raise FhirError("invalid", _REFUSED)
    return sealed


def _seal(payload: bytes, secret: bytes, query_digest: str, grant_digest: str) -> bytes:
    bound = b"\x00".join((query_digest.encode(), grant_digest.encode(), payload))
    return hmac.new(secret, bound, hashlib.sha256).digest()[:_SEAL_LENGTH]


def _as_tuples(value: object) -> object:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
