"""API keys: 256 random bits, shown once, kept as a SHA-256 digest (RFC 6750 for the header)."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from typing import TYPE_CHECKING

from countyfhir.access.scopes import parse
from countyfhir.exchange import Principal
from countyfhir.outcome import FhirError
from countyfhir.store.ports import ApiKey, KeyStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PREFIX = "cfk_"
SECRET = re.compile(r"cfk_[A-Za-z0-9_-]{43}")
SECOND = 1_000_000  # microseconds


def now_in_microseconds() -> int:
    """The time, in microseconds since 1970-01-01T00:00Z."""
    return time.time_ns() // 1000


def digest_of(secret: str) -> bytes:
    """What is kept of a key. A plain hash is enough: the secret has 256 random bits, so nobody can try them all."""
    return hashlib.sha256(secret.encode()).digest()


async def create(
    store: KeyStore,
    *,
    name: str,
    organization: str,
    scopes: Iterable[str],
    roles: Iterable[str] = (),
    expires: int | None = None,
    resource_types: frozenset[str] | None = None,
    clock: Callable[[], int] = now_in_microseconds,
) -> tuple[str, ApiKey]:
    """A new key: its secret, which is nowhere kept, and what is kept. ``expires`` in microseconds since 1970.

    FhirError ``value`` or ``required`` (400) for a scope that is not understood, no scope, no name, no organization, an
    expiry in the past, or a patient/ scope (a key has no patient in context).
    """
    listed = tuple(dict.fromkeys(scopes))
    require_usable(name, organization, listed, resource_types)
    created = clock()
    if expires is not None and expires <= created:
        raise FhirError("value", "The expiry of the key lies in the past.")
    secret = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        key_id=secrets.token_hex(6),
        digest=digest_of(secret),
        name=name.strip(),
        organization=organization.strip().removeprefix("Organization/"),
        roles=tuple(dict.fromkeys(roles)),
        scopes=listed,
        created=created,
        expires=expires,
    )
    await store.add(key)
    return secret, key


def require_usable(
    name: str, organization: str, scopes: tuple[str, ...], resource_types: frozenset[str] | None
) -> None:
    """FhirError when a key of these values would be of no use or name nobody."""
    if not name.strip():
        raise FhirError("required", "A key needs a name that says who uses it.")
    if not organization.strip().removeprefix("Organization/"):
        raise FhirError("required", "A key names the one organization it acts for.")
    if not scopes:
        raise FhirError(
            "required", "A key without a scope grants nothing; name at least one, such as system/Patient.rs."
        )
    for scope in scopes:
        if parse(scope, resource_types).context == "patient":
            raise FhirError("value", f"The scope '{scope[:120]}' needs a patient in context, which a key has not.")


def is_key(credential: str) -> bool:
    """Whether a bearer credential is one of our keys (and not a token)."""
    return credential.startswith(PREFIX)


def principal_of(key: ApiKey) -> Principal:
    """Who asks with this key."""
    return Principal(key.name, "key", key.organization, key.roles, key.scopes)


async def principal_by_secret(
    store: KeyStore, secret: str, clock: Callable[[], int] = now_in_microseconds
) -> tuple[Principal, int | None]:
    """Who asks, and until when the key is good (microseconds). FhirError 401 when it is unknown, revoked or expired."""
    key = await store.by_digest(digest_of(secret)) if SECRET.fullmatch(secret) else None
    if key is None or key.revoked:
        raise FhirError("login", "The API key is not known or was revoked.")
    if key.expires is not None and key.expires <= clock():
        raise FhirError("expired", "The API key has expired.")
    return principal_of(key), key.expires
