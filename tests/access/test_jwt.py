"""Only tokens that the issuer signed, for this server, in their time, with an asymmetric algorithm, are accepted."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, RSAKey

from countyfhir.access.jwks import ALGORITHMS, parse
from countyfhir.access.jwt import verify
from countyfhir.exchange import Principal
from countyfhir.outcome import FhirError
from tests.access.tokens import AUDIENCE, CLAIMS, NOW, Issuer, encoded, key_of, kind_for, public, signed

EVERY_KEY = [public(key_of(kind)) for kind in ("RSA", "P-256", "P-384", "P-521")]


def accepted(token: str, issuer: Issuer | None = None) -> tuple[Principal, float]:
    """Who the token speaks for."""
    return asyncio.run(verify(token, (issuer or Issuer(EVERY_KEY)).verifier()))


def accepted_keys(issuer: Issuer) -> tuple[object, ...]:
    """The keys of the issuer that are used."""
    return parse(asyncio.run(issuer.fetch()))


def refused(token: str, issuer: Issuer | None = None) -> FhirError:
    """The error of a token that is not accepted; it never repeats the token."""
    with pytest.raises(FhirError) as caught:
        accepted(token, issuer)
    assert not token or token not in caught.value.issues[0].diagnostics
    return caught.value


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_asymmetric_algorithms_are_accepted(algorithm: str) -> None:
    """RS, ES and PS with 256, 384 and 512."""
    principal, until = accepted(signed(algorithm))
    assert principal == Principal("imaging-centre", "token", "imaging", ("reporter",), ("system/Patient.rs", "openid"))
    assert until == NOW + 330


def test_claims_that_say_who() -> None:
    """Scopes and roles as lists, the patient in context, a client without a subject, references as ids."""
    token = signed(
        sub=None,
        client_id="app",
        scope=["patient/*.rs"],
        roles=["a", "b"],
        role=None,
        patient="Patient/7",
        organization=["Organization/1"],
    )
    principal, _ = accepted(token)
    assert principal == Principal("app", "token", "1", ("a", "b"), ("patient/*.rs",), "7")


def test_one_of_several_audiences_is_enough() -> None:
    """aud may be a list."""
    accepted(signed(aud=["https://other.example", AUDIENCE]))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"iss": "https://evil.example"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "https://other.example"}, "another server"),
        ({"aud": None}, "another server"),
        ({"aud": []}, "another server"),
        ({"exp": None}, "no expiry"),
        ({"exp": "tomorrow"}, "no expiry"),
        ({"exp": True}, "no expiry"),
        ({"exp": 1e300}, "no expiry"),
        ({"exp": NOW - 31}, "expired"),
        ({"nbf": NOW + 31}, "not valid yet"),
        ({"iat": NOW + 31}, "not valid yet"),
        ({"nbf": "now"}, "not valid yet"),
        ({"sub": None}, "names nobody"),
        ({"organization": None}, "one organization"),
        ({"organization": ["a", "b"]}, "one organization"),
        ({"organization": " "}, "one organization"),
    ],
)
def test_wrong_claims_are_refused(changed: dict[str, Any], said: str) -> None:
    """Issuer, audience, times, subject and organization, each with a sentence that says which."""
    error = refused(signed(**changed))
    assert error.status == 401
    assert said in error.issues[0].diagnostics


def test_clocks_may_differ_a_little() -> None:
    """Within the leeway of 30 seconds."""
    accepted(signed(exp=NOW - 29, nbf=NOW + 29, iat=NOW + 29))


def test_unsigned_tokens_are_refused() -> None:
    """alg none, in any spelling, with and without a signature part."""
    for algorithm in ("none", "None", "NONE", "", None):
        for signature in ("", "AAAA"):
            header = {"alg": algorithm, "kid": "RSA-1"}
            assert refused(f"{encoded(header)}.{encoded(CLAIMS)}.{signature}").status == 401


@pytest.mark.parametrize("size", [256, 384, 512])
def test_the_public_key_is_no_shared_secret(size: int) -> None:
    """A token signed by HMAC with the public key's text (algorithm confusion) is refused, though the key is known."""
    key = key_of("RSA")
    for secret in (key.as_pem(private=False), json.dumps(public(key)).encode()):
        text = f"{encoded({'alg': f'HS{size}', 'kid': key.kid})}.{encoded(CLAIMS)}"
        mac = hmac.new(secret, text.encode(), getattr(hashlib, f"sha{size}")).digest()
        assert refused(f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}").status == 401


def test_a_symmetric_key_in_the_key_set_is_never_used() -> None:
    """Neither is a key for encryption, one too short, or one bound to another algorithm."""
    with pytest.warns(SecurityWarning):
        short = RSAKey.generate_key(1024, {"kid": "RSA-1"})
    wrong_keys = [
        {"kty": "oct", "kid": "RSA-1", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"},
        public(key_of("RSA"), use="enc"),
        public(key_of("RSA"), key_ops=["encrypt"]),
        public(key_of("RSA"), alg="PS512"),
        public(short),
        {"kty": "RSA", "kid": "RSA-1", "n": "!", "e": "AQAB"},
    ]
    for wrong in wrong_keys:
        assert refused(signed(), Issuer([wrong])).status == 401
    short_public = Issuer([public(short)])
    assert accepted_keys(short_public) == ()


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("ES256", ECKey.generate_key("P-256", {"kid": "P-384-1"})),
        ("RS256", RSAKey.generate_key(2048, {"kid": "P-256-1"})),
    ],
)
def test_a_key_of_another_kind_or_curve_does_not_fit(algorithm: str, key: Any) -> None:
    """The kid leads to a key that the algorithm cannot be used with."""
    assert refused(signed(algorithm, key)).status == 401


def test_a_tampered_token_is_refused() -> None:
    """A changed payload, header or signature; a token of a stranger with a known kid."""
    header, payload, signature = signed().split(".")
    changed = encoded({**CLAIMS, "scope": "system/*.cruds"})
    stranger = RSAKey.generate_key(2048, {"kid": "RSA-1"})
    other_header = encoded({"alg": "RS512", "kid": "RSA-1", "typ": "JWT"})
    for token in (
        f"{header}.{changed}.{signature}",
        f"{other_header}.{payload}.{signature}",
        f"{header}.{payload}.{signature[:-8]}AAAAAAAA",
        f"{header}.{payload}.",
        signed(key=stranger),
    ):
        assert "signature" in refused(token).issues[0].diagnostics


@pytest.mark.parametrize(
    "header",
    [{"crit": ["b64"], "b64": False}, {"kid": 7}, {"typ": "logout+jwt"}, {"crit": ["x"], "x": 1}],
)
def test_headers_that_are_not_understood_are_refused(header: dict[str, Any]) -> None:
    """Extensions that must be understood, a kid that is no text, a token that is meant for something else."""
    protected = {"alg": "RS256", "kid": "RSA-1", **header}
    assert refused(f"{encoded(protected)}.{encoded(CLAIMS)}.AAAA").status == 401


def test_a_key_inside_the_token_is_not_trusted() -> None:
    """jwk and jku of the header are not followed."""
    stranger = RSAKey.generate_key(2048, {"kid": "mine"})
    token = signed(key=stranger, header={"jwk": public(stranger)})
    assert refused(token).status == 401


@pytest.mark.parametrize(
    "token",
    [
        "",
        "abc",
        "a.b",
        "a.b.c",
        "a.b.c.d.e",
        "....",
        "é.é.é",
        "x" * 20_000,
        f"{encoded([])}.{encoded({})}.AA",
        f"{encoded('x')}..AA",
    ],
)
def test_what_is_no_token_is_refused(token: str) -> None:
    """401, never another error."""
    assert refused(token).status == 401


def test_a_payload_that_is_no_object_is_refused() -> None:
    """Signed, but not claims."""
    from joserfc import jws

    for payload in ("[]", "7", "not json", "[" * 100_000):
        token = jws.serialize_compact(
            {"alg": "ES256", "kid": "P-256-1"}, payload, key_of("P-256"), algorithms=["ES256"]
        )
        assert refused(token).status == 401


def test_kid_may_be_missing() -> None:
    """Then every key of the right kind is tried."""
    keys = [public(RSAKey.generate_key(2048, {"kid": "x"})), public(key_of("RSA"))]
    accepted(signed(header={"kid": None}), Issuer(keys))
    assert refused(signed(header={"kid": None}), Issuer(keys[:1])).status == 401
    assert kind_for("RS256") == "RSA"
