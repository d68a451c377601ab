"""The public keys of the authorization server, kept fresh while they rotate (RFC 7517)."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc import jwk
from joserfc.errors import JoseError

from countyfhir.outcome import FhirError

PublicKey = jwk.RSAKey | jwk.ECKey
Fetch = Callable[[], Awaitable[bytes]]

CURVE_OF = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
ALGORITHMS = tuple(f"{family}{size}" for family in ("RS", "ES", "PS") for size in (256, 384, 512))
"""Asymmetric signatures only: ``none`` and the HMAC family are never accepted (RFC 8725 section 3.1)."""
SMALLEST_RSA = 2048  # bits (RFC 7518 section 3.3)
LARGEST_ANSWER = 1 << 20  # bytes
MOST_KEYS = 100


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """One usable key of a JWKS and what it says about itself."""

    kid: str | None
    algorithm: str | None
    key: PublicKey

    def verifies(self, algorithm: str) -> bool:
        """Whether the key is of the kind the algorithm needs, and not bound to another."""
        if self.algorithm is not None and self.algorithm != algorithm:
            return False
        if isinstance(self.key, jwk.ECKey):
            return CURVE_OF.get(algorithm) == self.key.curve_name
        return algorithm[:2] in ("RS", "PS")


def parse(text: bytes) -> tuple[VerificationKey, ...]:
    """The keys of a JWKS that can verify signatures; others (symmetric, for encryption, too short) are left out.
    FhirError ``transient`` (503) when the text is no JWKS."""
    try:
        listed = json.loads(text)["keys"]
        return tuple(key for key in map(verification_key, listed[:MOST_KEYS]) if key is not None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise FhirError("transient", "The keys of the authorization server are not a JSON Web Key Set.") from None


def verification_key(listed: dict[str, Any]) -> VerificationKey | None:
    """One key of the set, or None when it is not for verifying signatures."""
    if listed.get("kty") not in ("RSA", "EC") or listed.get("use", "sig") != "sig":
        return None
    if "verify" not in listed.get("key_ops", ["verify"]):
        return None
    public = {name: value for name, value in listed.items() if name in ("kty", "n", "e", "crv", "x", "y")}
    try:
        if listed["kty"] == "RSA" and bits(listed["n"]) < SMALLEST_RSA:
            return None
        key = jwk.import_key(public)
    except (JoseError, ValueError, KeyError):
        return None
    if not isinstance(key, jwk.RSAKey | jwk.ECKey):
        return None
    return VerificationKey(listed.get("kid"), listed.get("alg"), key)


def bits(number: str) -> int:
    """The length of a base64url number."""
    return int.from_bytes(urlsafe_b64decode(number + "=" * (-len(number) % 4))).bit_length()


@dataclass(slots=True)
class KeySource:
    """The keys as last fetched.

    They are fetched again when ``refresh`` seconds have passed, and at once for an unknown ``kid``, but not more
    often than every ``cooldown`` seconds, whatever tokens are sent. While the authorization server cannot be reached
    the last keys stay good for ``stale`` seconds.
    """

    fetch: Fetch
    refresh: float = 3600.0
    cooldown: float = 30.0
    stale: float = 86_400.0
    clock: Callable[[], float] = time.monotonic
    keys: tuple[VerificationKey, ...] = ()
    fetched: float | None = None
    tried: float | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def candidates(self, kid: str | None, algorithm: str) -> list[VerificationKey]:
        """The keys a token with this header may be signed with. FhirError ``transient`` (503) when there are no
        keys."""
        if self.age() > self.refresh and not self.lock.locked():  # others go on with the keys there are
            await self.renew(self.fetched)
        found = self.matching(kid, algorithm)
        if not found:
            await self.renew(self.fetched)
            found = self.matching(kid, algorithm)
        return found

    def age(self) -> float:
        """Seconds since the keys were fetched."""
        return float("inf") if self.fetched is None else self.clock() - self.fetched

    def matching(self, kid: str | None, algorithm: str) -> list[VerificationKey]:
        """Keys of that ``kid`` (any, when the token names none) that suit the algorithm."""
        return [key for key in self.keys if (kid is None or key.kid == kid) and key.verifies(algorithm)]

    async def renew(self, seen: float | None) -> None:
        """Fetch the keys, unless somebody else just did or it is too soon to ask again."""
        async with self.lock:
            if self.fetched == seen and (self.tried is None or self.clock() - self.tried >= self.cooldown):
                await self.try_fetch()
            if self.age() > self.stale:
                self.keys = ()
                raise FhirError(
                    "transient",
                    "The keys of the authorization server cannot be reached; try again later.",
                    headers={"Retry-After": str(max(1, int(self.cooldown)))},
                )

    async def try_fetch(self) -> None:
        """One attempt; a failure leaves the keys as they are."""
        self.tried = self.clock()
        try:
            self.keys = parse(await self.fetch())
        except (OSError, FhirError):
            return
        self.fetched = self.tried


def from_file(path: str | Path) -> Fetch:
    """A fetch that reads a file, so that a rotated file is seen, too."""

    async def fetch() -> bytes:
        return await asyncio.to_thread(Path(path).read_bytes)

    return fetch


def from_url(url: str, timeout: float = 10.0) -> Fetch:
    """A fetch over HTTPS. OSError when the server does not answer with the keys."""
    import httpx

    async def fetch() -> bytes:
        try:
            async with httpx.AsyncClient(timeout=timeout) as client:
                answer = await client.get(url, headers={"Accept": "application/jwk-set+json, application/json"})
                answer.raise_for_status()
        except httpx.HTTPError as error:
            raise OSError(f"{url}: {type(error).__name__}") from error
        if len(answer.content) > LARGEST_ANSWER:
            raise OSError(f"{url}: more than {LARGEST_ANSWER} bytes")
        return answer.content

    return fetch


def source(location: str, **options: Any) -> KeySource:
    """A KeySource of a URL or a file. FhirError ``value`` for plain HTTP to another machine: who can change the keys
    on the way can sign tokens."""
    if location.startswith("https://"):
        return KeySource(from_url(location), **options)
    if location.startswith("http://"):
        host = location.removeprefix("http://").partition("/")[0]
        if host.rpartition("@")[2].removeprefix("[").partition("]")[0].partition(":")[0] in ("localhost", "127.0.0.1"):
            return KeySource(from_url(location), **options)
        raise FhirError("value", "The JWKS of another machine is fetched over https only.")
    return KeySource(from_file(location.removeprefix("file://")), **options)
