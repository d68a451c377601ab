"""Access tokens: a signed JWT -> who asks (RFC 7519, RFC 8725, RFC 9068)."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joserfc import jws
from joserfc.errors import JoseError

from countyfhir.access.jwks import ALGORITHMS, KeySource
from countyfhir.access.scopes import split
from countyfhir.exchange import Principal
from countyfhir.outcome import FhirError

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 16_384  # characters of a token
TYPES = ("jwt", "at+jwt", "application/jwt", "application/at+jwt")


@dataclass(frozen=True, slots=True)
class Verifier:
    """What tokens must say to be accepted. ``leeway`` in seconds, for clocks that differ."""

    keys: KeySource
    issuer: str
    audience: str
    leeway: float = 30.0
    organization_claim: str = "organization"
    clock: Callable[[], float] = time.time


async def verify(token: str, verifier: Verifier) -> tuple[Principal, float]:
    """Who asks, and until when the token is good (seconds since 1970). FhirError 401 that says what is wrong with it;
    503 when the keys of the authorization server cannot be had."""
    header = header_of(token)
    algorithm, kid = header["alg"], header.get("kid")
    payload = None
    for candidate in await verifier.keys.candidates(kid, algorithm):
        payload = payload_of(token, candidate.key, algorithm)
        if payload is not None:
            break
    if payload is None:
        raise rejected("its signature does not verify with the keys of the issuer")
    claims = claims_of(payload)
    check_claims(claims, verifier)
    return principal_of(claims, verifier.organization_claim), float(claims["exp"]) + verifier.leeway


def rejected(reason: str, code: str = "login") -> FhirError:
    """401 for a token."""
    return FhirError(code, f"The access token is not accepted: {reason}.")


def header_of(token: str) -> dict[str, Any]:
    """The protected header, checked: an accepted algorithm, a text as key id, no extensions we would have to know."""
    if len(token) > LONGEST or token.count(".") != 2:
        raise rejected("it is not a signed JWT")
    try:
        header = jws.extract_compact(token.encode()).protected
    except (JoseError, ValueError, RecursionError):
        raise rejected("it is not a signed JWT") from None
    if header.get("alg") not in ALGORITHMS:
        raise rejected(f"its algorithm is not one of {', '.join(ALGORITHMS)}")
    if "crit" in header or not isinstance(header.get("kid", ""), str):
        raise rejected("its header has a 'crit' or a 'kid' that is not understood")
    if str(header.get("typ", "JWT")).lower() not in TYPES:
        raise rejected("its type ('typ') is not JWT or at+jwt")
    return dict(header)


def payload_of(token: str, key: Any, algorithm: str) -> bytes | None:
    """The signed bytes, or None when the key did not sign them."""
    try:
        return jws.deserialize_compact(token, key, algorithms=[algorithm]).payload
    except (JoseError, ValueError):
        return None


def claims_of(payload: bytes) -> dict[str, Any]:
    """The claims; 401 when the payload is no JSON object."""
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise rejected("its payload is not a JSON object")
    return claims


def check_claims(claims: dict[str, Any], verifier: Verifier) -> None:
    """FhirError 401 unless issuer, audience and times are as they must be; ``exp`` is required."""
    now, leeway = verifier.clock(), verifier.leeway
    if claims.get("iss") != verifier.issuer:
        raise rejected("it is from another issuer ('iss')")
    audience = claims.get("aud")
    if verifier.audience not in (audience if isinstance(audience, list) else [audience]):
        raise rejected("it is meant for another server ('aud')")
    if not is_time(claims.get("exp")):
        raise rejected("it has no expiry ('exp')")
    if claims["exp"] + leeway <= now:
        raise rejected("it has expired", "expired")
    for name in ("nbf", "iat"):
        if name in claims and not (is_time(claims[name]) and claims[name] - leeway <= now):
            raise rejected(f"it is not valid yet ('{name}')")


def is_time(value: Any) -> bool:
    """Whether the claim is a NumericDate (true, NaN and infinity are not)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12


def principal_of(claims: dict[str, Any], organization_claim: str) -> Principal:
    """Who the token speaks for; 401 when it does not say who, or for which one organization."""
    subject = claims.get("sub") or claims.get("client_id") or claims.get("azp")
    if not isinstance(subject, str):
        raise rejected("it names nobody ('sub' or 'client_id')")
    organization = claims.get(organization_claim)
    if isinstance(organization, list) and len(organization) == 1:
        organization = organization[0]
    if not isinstance(organization, str) or not organization.strip():
        raise rejected(f"it does not name one organization ('{organization_claim}')")
    patient = claims.get("patient")
    return Principal(
        name=subject,
        kind="token",
        organization=organization.strip().removeprefix("Organization/"),
        roles=texts(claims, "roles") + texts(claims, "role"),
        scopes=texts(claims, "scope") or texts(claims, "scp"),
        patient=patient.removeprefix("Patient/") if isinstance(patient, str) and patient else None,
    )


def texts(claims: dict[str, Any], name: str) -> tuple[str, ...]:
    """A claim that is a text (separated by spaces) or a list of texts."""
    value = claims.get(name, ())
    if isinstance(value, str):
        return split(value)
    return tuple(part for part in value if isinstance(part, str)) if isinstance(value, list) else ()
