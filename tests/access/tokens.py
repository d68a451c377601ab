"""An authorization server for tests: keys, a JWKS that can be rotated, tokens of every kind."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from countyfhir.access.jwks import KeySource
from countyfhir.access.jwt import Verifier

ISSUER = "https://auth.example"
AUDIENCE = "https://county.example/fhir"
NOW = 1_800_000_000
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "exp": NOW + 300,
    "iat": NOW,
    "sub": "imaging-centre",
    "organization": "imaging",
    "role": "reporter",
    "scope": "system/Patient.rs openid",
}


@lru_cache
def key_of(kind: str, number: int = 1) -> Any:
    """A private key: RSA, P-256, P-384 or P-521; the same one every time."""
    if kind == "RSA":
        return RSAKey.generate_key(2048, {"kid": f"RSA-{number}"})
    return ECKey.generate_key(kind, {"kid": f"{kind}-{number}"})


def kind_for(algorithm: str) -> str:
    """The kind of key an algorithm needs."""
    return {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}.get(algorithm, "RSA")


def public(key: Any, **more: Any) -> dict[str, Any]:
    """A key as the JWKS lists it."""
    return {**key.as_dict(private=False), **more}


def encoded(value: Any) -> str:
    """base64url of JSON."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed(algorithm: str = "RS256", key: Any = None, header: dict[str, Any] | None = None, **changed: Any) -> str:
    """A token; a claim changed to None is left out."""
    key = key or key_of(kind_for(algorithm))
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    protected = {"alg": algorithm, "kid": key.kid, "typ": "JWT", **(header or {})}
    protected = {name: value for name, value in protected.items() if value is not None}
    return jws.serialize_compact(protected, json.dumps(claims), key, algorithms=[algorithm])


@dataclass
class Issuer:
    """Serves a JWKS and counts how often it is fetched."""

    keys: list[dict[str, Any]] = field(default_factory=list)
    fetched: int = 0
    down: bool = False
    seconds: float = 0.0

    async def fetch(self) -> bytes:
        """The JWKS, or OSError while it is down."""
        self.fetched += 1
        if self.down:
            raise OSError("no route")
        return json.dumps({"keys": self.keys}).encode()

    def source(self, **options: Any) -> KeySource:
        """A KeySource of this issuer, on this issuer's clock."""
        return KeySource(self.fetch, clock=lambda: self.seconds, **options)

    def verifier(self, **options: Any) -> Verifier:
        """A verifier that trusts this issuer."""
        return Verifier(self.source(**options), ISSUER, AUDIENCE, clock=lambda: NOW + self.seconds)
