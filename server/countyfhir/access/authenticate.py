"""Headers -> who asks: a key, a token, or the local caller; 401 otherwise (RFC 6750, RFC 9110 section 11)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from countyfhir.access.keys import is_key, principal_by_secret
from countyfhir.access.listen import check_host
from countyfhir.access.organization import HEADER, check_header
from countyfhir.exchange import LOCAL, Grant, Principal
from countyfhir.outcome import FhirError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from countyfhir.access.jwt import Verifier
    from countyfhir.store.ports import KeyStore

Headers = Mapping[bytes, bytes]
"""Names in lower case; a repeated header joined by a comma."""
KEY_HEADER = b"x-api-key"

MODES = ("none", "keys", "jwt", "both")
CACHED = 4096  # credentials kept; the oldest goes first


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks and what it may do; ``until`` is when the credential must be looked at again (seconds since 1970)."""

    principal: Principal
    grant: Grant
    until: float = float("inf")


@dataclass(slots=True)
class Authenticator:
    """Decides who asks. ``grant_of`` compiles scopes (``grants.compiler``).

    A key is looked up again after ``key_lifetime`` seconds, so that a revocation works within them; a token is verified
    again after ``token_lifetime`` seconds at the latest, so that a key withdrawn by the issuer is noticed.
    """

    mode: str
    grant_of: Callable[[Principal], Grant]
    key_store: KeyStore | None = None
    verifier: Verifier | None = None
    allowed_hosts: Iterable[str] = ()
    realm: str = "countyfhir"
    key_lifetime: float = 3.0
    token_lifetime: float = 300.0
    clock: Callable[[], float] = time.time
    cache: dict[bytes, Caller] = field(default_factory=dict)
    hosts: set[bytes] = field(default_factory=set)  # accepted ``Host`` headers, while there is no authentication
    local: Caller = field(init=False)

    def __post_init__(self) -> None:
        """FhirError ``value`` when the mode lacks what it needs."""
        if self.mode not in MODES:
            raise FhirError("value", f"auth is one of {', '.join(MODES)}.")
        if self.mode in ("keys", "both") and self.key_store is None:
            raise FhirError("value", "auth by keys needs a store of keys.")
        complete = self.verifier is not None and self.verifier.issuer and self.verifier.audience
        if self.mode in ("jwt", "both") and not complete:
            raise FhirError("value", "auth by tokens needs an issuer, an audience and a JWKS.")
        self.local = Caller(LOCAL, self.grant_of(LOCAL))

    def known(self, headers: Headers) -> Caller | None:
        """The caller when its ``Authorization`` header (without authentication: its ``Host``) was accepted a moment
        ago; no I/O, for the hot path. None means: ask ``authenticate``."""
        if self.mode == "none":
            return self.local if headers.get(b"host", b"") in self.hosts else None
        caller = self.cache.get(headers.get(b"authorization", b""))
        if caller is None or caller.until <= self.clock() or HEADER in headers or KEY_HEADER in headers:
            return None
        return caller

    async def authenticate(self, headers: Headers) -> Caller:
        """Who asks. FhirError 401 with ``WWW-Authenticate``; 403 for another organization or a foreign ``Host``; 503
        when keys cannot be looked up."""
        if self.mode == "none":
            host = headers.get(b"host", b"")
            check_host(host.decode("latin-1"), self.allowed_hosts)
            if len(self.hosts) < CACHED:
                self.hosts.add(host)
            return self.local
        try:
            authorization = authorization_of(headers)
            caller = self.cache.get(authorization)
            if caller is None or caller.until <= self.clock():
                self.cache.pop(authorization, None)
                caller = await self.look_up(authorization.decode("latin-1"))
                self.remember(authorization, caller)
        except FhirError as error:
            raise self.challenged(error, b"authorization" in headers or KEY_HEADER in headers) from None
        claimed = headers.get(HEADER)
        check_header(caller.principal, None if claimed is None else claimed.decode("latin-1"))
        return caller

    async def look_up(self, authorization: str) -> Caller:
        """The caller of an ``Authorization`` header that is not remembered."""
        scheme, _, credential = authorization.partition(" ")
        credential = credential.strip()
        now = self.clock()
        if not credential:
            raise FhirError("login", f"Authenticate with {self.expected()}.")
        if scheme.lower() != "bearer":
            raise FhirError(
                "login", f"The scheme of Authorization is not supported; authenticate with {self.expected()}."
            )
        if is_key(credential) and self.key_store is not None and self.mode in ("keys", "both"):
            principal, expires = await principal_by_secret(self.key_store, credential, lambda: int(now * 1e6))
            until = now + self.key_lifetime
            until = until if expires is None else min(until, expires / 1e6)
        elif not is_key(credential) and self.verifier is not None and self.mode in ("jwt", "both"):
            from countyfhir.access.jwt import verify  # cryptography takes 0.2 s to import: only where tokens are used

            principal, expires_at = await verify(credential, self.verifier)
            until = min(expires_at, now + self.token_lifetime)
        else:
            raise FhirError("login", f"This credential is not accepted here; authenticate with {self.expected()}.")
        return Caller(principal, self.grant_of(principal), until)

    def remember(self, authorization: bytes, caller: Caller) -> None:
        """Keep an accepted credential; the one kept longest goes when there are too many."""
        self.cache.pop(authorization, None)
        if len(self.cache) >= CACHED:
            del self.cache[next(iter(self.cache))]
        self.cache[authorization] = caller

    def expected(self) -> str:
        """What this server wants, in words."""
        words = {"keys": "an API key", "jwt": "an access token", "both": "an API key or an access token"}
        return f"{words[self.mode]} as 'Authorization: Bearer ...'"

    def challenged(self, error: FhirError, tried: bool) -> FhirError:
        """The error with the challenge that a 401 must carry (RFC 6750 section 3)."""
        if error.status == 401:
            reason = ', error="invalid_token"' if tried else ""
            error.headers["WWW-Authenticate"] = f'Bearer realm="{self.realm}"{reason}'
        return error


def authorization_of(headers: Headers) -> bytes:
    """The ``Authorization`` header, or one made of ``X-API-Key``. FhirError 401 when both are sent and differ."""
    authorization, key = headers.get(b"authorization", b""), headers.get(KEY_HEADER)
    if key is None:
        return authorization
    as_bearer = b"Bearer " + key.strip()
    if authorization and authorization != as_bearer:
        raise FhirError("login", "Authorization and X-API-Key name different credentials; send one of them.")
    if not is_key(as_bearer[7:].decode("latin-1")):
        raise FhirError("login", "X-API-Key holds no API key of this server.")
    return as_bearer
