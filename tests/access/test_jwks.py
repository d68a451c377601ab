"""Keys are fetched when they are needed and no oftener, rotate without a restart, and outlive a short outage."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from countyfhir.access.jwks import KeySource, from_file, parse, source
from countyfhir.access.jwt import Verifier, verify
from countyfhir.outcome import FhirError
from tests.access.tokens import AUDIENCE, ISSUER, NOW, Issuer, key_of, public, signed


def test_an_unknown_kid_fetches_once_per_cooldown() -> None:
    """Tokens with invented kids do not make the server flood the issuer."""

    async def scenario() -> None:
        issuer = Issuer([public(key_of("RSA"))])
        keys = issuer.source()
        assert await keys.candidates("RSA-1", "RS256")
        assert issuer.fetched == 1
        for number in range(20):
            assert await keys.candidates(f"invented-{number}", "RS256") == []
        assert issuer.fetched == 1
        issuer.seconds += 31
        assert await keys.candidates("invented", "RS256") == []
        assert await keys.candidates("invented", "RS256") == []
        assert issuer.fetched == 2

    asyncio.run(scenario())


def test_a_rotated_key_is_found_and_the_old_one_dropped() -> None:
    """A token with the new kid makes the server fetch the new set; tokens of the withdrawn key are refused from then
    on."""

    async def scenario() -> None:
        issuer = Issuer([public(key_of("RSA"))])
        verifier = issuer.verifier()
        old, new = signed(), signed(key=key_of("RSA", 2))
        await verify(old, verifier)
        issuer.keys = [public(key_of("RSA", 2))]
        issuer.seconds += 31
        await verify(new, verifier)
        with pytest.raises(FhirError, match="signature"):
            await verify(old, verifier)

    asyncio.run(scenario())


def test_keys_are_refreshed_from_time_to_time() -> None:
    """A withdrawn key stops working within the refresh time also when nobody asks for a new one."""

    async def scenario() -> None:
        issuer = Issuer([public(key_of("RSA"))])
        keys = issuer.source(refresh=100)
        assert await keys.candidates("RSA-1", "RS256")
        issuer.keys = []
        issuer.seconds = 99
        assert await keys.candidates("RSA-1", "RS256")
        issuer.seconds = 101
        assert await keys.candidates("RSA-1", "RS256") == []

    asyncio.run(scenario())


def test_concurrent_callers_share_one_fetch() -> None:
    """A hundred tokens at once fetch the keys once."""

    async def scenario() -> None:
        issuer = Issuer([public(key_of("RSA"))])
        keys = issuer.source()
        assert all(await asyncio.gather(*(keys.candidates("RSA-1", "RS256") for _ in range(100))))
        assert issuer.fetched == 1

    asyncio.run(scenario())


def test_an_outage_is_survived_for_a_while() -> None:
    """Known keys stay good while the issuer is down, but not for ever; without any keys it is 503, not 401."""

    async def scenario() -> None:
        issuer = Issuer([public(key_of("RSA"))])
        keys = issuer.source(refresh=100, stale=1000)
        assert await keys.candidates("RSA-1", "RS256")
        issuer.down, issuer.seconds = True, 500
        assert await keys.candidates("RSA-1", "RS256")
        issuer.seconds = 1001
        with pytest.raises(FhirError) as caught:
            await keys.candidates("RSA-1", "RS256")
        assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "30")
        issuer.down, issuer.seconds = False, 1040
        assert await keys.candidates("RSA-1", "RS256")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b"null", b'{"keys": 1}', b'{"keys": [1]}', b"<html>", b"[" * 100_000]
)
def test_what_is_no_key_set_is_an_outage(text: bytes) -> None:
    """An error page instead of keys is 503 and never a crash."""
    with pytest.raises(FhirError) as caught:
        parse(text)
    assert caught.value.status == 503


def test_keys_from_a_file(tmp_path: Path) -> None:
    """A file works like an address; a missing one is an outage."""
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [public(key_of("P-256"))]}))
    verifier = Verifier(source(str(path)), ISSUER, AUDIENCE, clock=lambda: NOW)
    assert asyncio.run(verify(signed("ES256"), verifier))[0].name == "imaging-centre"
    with pytest.raises(FhirError, match="cannot be reached"):
        asyncio.run(KeySource(from_file(tmp_path / "none.json")).candidates("x", "RS256"))


def test_keys_come_over_https() -> None:
    """Plain HTTP is for this machine only: who can change keys on the way can sign tokens."""
    source("https://auth.example/jwks")
    source("http://localhost:9000/jwks")
    source("http://127.0.0.1/jwks")
    for location in (
        "http://auth.example/jwks",
        "http://localhost@auth.example/jwks",
        "http://localhost.auth.example/jwks",
    ):
        with pytest.raises(FhirError, match="https only"):
            source(location)
