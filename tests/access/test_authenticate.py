"""Who asks: a key, a token or the local caller; everybody else gets 401 with a challenge."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from countyfhir.access.authenticate import CACHED, Authenticator, Caller
from countyfhir.access.grants import Vocabulary, compiler
from countyfhir.access.jwt import Verifier
from countyfhir.access.keys import create
from countyfhir.exchange import ALL, LOCAL
from countyfhir.outcome import FhirError
from countyfhir.store.ports import Store
from tests.access.tokens import NOW, Issuer, key_of, public, signed
from tests.stores import opened

Scenario = Callable[[Authenticator, Store, Issuer], Awaitable[None]]


@pytest.fixture
def run(vocabulary: Vocabulary, store_path: Path) -> Callable[..., None]:
    """Runs a scenario with an Authenticator over a real store and an issuer, on the issuer's clock."""

    def run_scenario(scenario: Scenario, mode: str = "both", **options: Any) -> None:
        async def whole() -> None:
            issuer, store = Issuer([public(key_of("P-256"))]), await opened(store_path)
            authenticator = Authenticator(
                mode, compiler(vocabulary), store.keys, issuer.verifier(), clock=lambda: NOW + issuer.seconds, **options
            )
            await scenario(authenticator, store, issuer)
            await store.close()

        asyncio.run(whole())

    return run_scenario


def bearer(credential: str, **more: str) -> dict[bytes, bytes]:
    """Headers with a bearer credential."""
    headers = {b"authorization": f"Bearer {credential}".encode("latin-1")}
    return headers | {name.replace("_", "-").encode(): value.encode() for name, value in more.items()}


async def refused(authenticator: Authenticator, headers: dict[bytes, bytes], status: int = 401) -> FhirError:
    """The refusal of a request."""
    with pytest.raises(FhirError) as caught:
        await authenticator.authenticate(headers)
    assert caught.value.status == status
    return caught.value


async def new_key(store: Store, *scopes: str, **more: Any) -> tuple[str, str]:
    """The secret and the id of a new key of the organization ecg."""
    secret, key = await create(
        store.keys, name="ECG centre", organization="ecg", scopes=scopes or ("system/Patient.r",), **more
    )
    return secret, key.key_id


def test_a_key_in_either_header(run: Callable[..., None]) -> None:
    """Authorization: Bearer, in any case of the scheme, or X-API-Key."""

    async def scenario(authenticator: Authenticator, store: Store, _: Issuer) -> None:
        secret, _id = await new_key(store)
        for headers in (
            bearer(secret),
            {b"authorization": f"bearer  {secret} ".encode()},
            {b"x-api-key": secret.encode()},
            {b"x-api-key": f" {secret}".encode(), b"authorization": f"Bearer {secret}".encode()},
        ):
            caller = await authenticator.authenticate(headers)
            assert (caller.principal.name, caller.principal.organization) == ("ECG centre", "ecg")
            assert caller.grant.may("r", "Patient")
            assert not caller.grant.may("s", "Patient")

    run(scenario)


def test_a_token(run: Callable[..., None]) -> None:
    """A token of the issuer."""

    async def scenario(authenticator: Authenticator, _: Store, issuer: Issuer) -> None:
        caller = await authenticator.authenticate(bearer(signed("ES256")))
        assert (caller.principal.kind, caller.principal.organization) == ("token", "imaging")
        assert caller.grant.may("s", "Patient")
        await authenticator.authenticate(bearer(signed("ES256")))
        assert issuer.fetched == 1

    run(scenario)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"authorization": b""},
        {b"authorization": b"Bearer"},
        {b"authorization": b"Bearer "},
        {b"authorization": b"Basic dXNlcjpwYXNz"},
        {b"authorization": b"Bearer abc"},
        {b"authorization": b"Bearer cfk_unknown"},
        {b"authorization": "Bearer é".encode()},
        {b"authorization": b"Bearer cfk_" + b"A" * 43},
        {b"authorization": b"Bearer a.b.c,Bearer d.e.f"},
        {b"x-api-key": b""},
        {b"x-api-key": b"a.b.c"},
        {b"x-api-key": b"cfk_" + b"A" * 43, b"authorization": b"Bearer cfk_" + b"B" * 43},
    ],
)
def test_nobody_gets_in_otherwise(headers: dict[bytes, bytes], run: Callable[..., None]) -> None:
    """401 with WWW-Authenticate, which names invalid_token only when something was sent."""

    async def scenario(authenticator: Authenticator, _: Store, __: Issuer) -> None:
        challenge = (await refused(authenticator, headers)).headers["WWW-Authenticate"]
        assert challenge.startswith('Bearer realm="countyfhir"')
        assert ("invalid_token" in challenge) == bool(headers)
        assert authenticator.cache == {}

    run(scenario)


def test_a_mode_accepts_only_its_credentials(run: Callable[..., None]) -> None:
    """With keys no tokens, with jwt no keys."""

    async def keys_only(authenticator: Authenticator, store: Store, _: Issuer) -> None:
        secret, _id = await new_key(store)
        await authenticator.authenticate(bearer(secret))
        await refused(authenticator, bearer(signed("ES256")))

    async def tokens_only(authenticator: Authenticator, store: Store, _: Issuer) -> None:
        secret, _id = await new_key(store)
        await authenticator.authenticate(bearer(signed("ES256")))
        await refused(authenticator, bearer(secret))

    run(keys_only, "keys")
    run(tokens_only, "jwt")


def test_a_revoked_key_stops_within_seconds(run: Callable[..., None]) -> None:
    """It is looked up again when its short life in the cache ends."""

    async def scenario(authenticator: Authenticator, store: Store, issuer: Issuer) -> None:
        secret, key_id = await new_key(store)
        await authenticator.authenticate(bearer(secret))
        await store.keys.revoke(key_id)
        issuer.seconds += authenticator.key_lifetime
        assert authenticator.known(bearer(secret)) is None
        await refused(authenticator, bearer(secret))

    run(scenario)


def test_expiry_ends_the_life_in_the_cache(run: Callable[..., None]) -> None:
    """A key or token is never accepted longer than it is good, cached or not."""

    async def scenario(authenticator: Authenticator, store: Store, issuer: Issuer) -> None:
        secret, _id = await new_key(store, expires=(NOW + 2) * 1_000_000, clock=lambda: NOW * 1_000_000)
        token = signed("ES256", exp=NOW + 2)
        for credential in (secret, token):
            await authenticator.authenticate(bearer(credential))
            assert authenticator.known(bearer(credential)) is not None
        issuer.seconds = 2
        assert authenticator.known(bearer(secret)) is None
        await refused(authenticator, bearer(secret))
        issuer.seconds = 33
        assert authenticator.known(bearer(token)) is None
        assert (await refused(authenticator, bearer(token))).issues[0].code == "expired"

    run(scenario)


def test_a_withdrawn_signing_key_is_noticed(run: Callable[..., None]) -> None:
    """A cached token is verified again after a while, against the keys of then."""

    async def scenario(authenticator: Authenticator, _: Store, issuer: Issuer) -> None:
        token = signed("ES256", exp=NOW + 100_000)
        await authenticator.authenticate(bearer(token))
        issuer.keys = []
        issuer.seconds = 3700
        await refused(authenticator, bearer(token))

    run(scenario)


def test_acting_for_another_organization_is_refused(run: Callable[..., None]) -> None:
    """X-Organization, when it is sent, names the organization of the credential, also when the credential is cached."""

    async def scenario(authenticator: Authenticator, store: Store, _: Issuer) -> None:
        secret, _id = await new_key(store)
        for own in ("ecg", "Organization/ecg", " https://a.example/fhir/Organization/ecg"):
            assert await authenticator.authenticate(bearer(secret, x_organization=own))
        assert authenticator.known(bearer(secret, x_organization="county")) is None
        for other in ("county", "Organization/county", ""):
            await refused(authenticator, bearer(secret, x_organization=other), 403)

    run(scenario)


def test_the_hot_path_answers_without_io(run: Callable[..., None]) -> None:
    """``known`` gives the very caller that was accepted, and nothing for one that was not."""

    async def scenario(authenticator: Authenticator, store: Store, _: Issuer) -> None:
        secret, _id = await new_key(store)
        assert authenticator.known(bearer(secret)) is None
        assert authenticator.known({}) is None
        caller = await authenticator.authenticate(bearer(secret))
        assert authenticator.known(bearer(secret)) is caller
        assert authenticator.known(bearer(secret, x_api_key="other")) is None

    run(scenario)


def test_the_cache_is_bounded(run: Callable[..., None]) -> None:
    """The oldest credential goes; refused ones are never kept."""

    async def scenario(authenticator: Authenticator, store: Store, _: Issuer) -> None:
        secret, _id = await new_key(store)
        await authenticator.authenticate(bearer(secret))
        caller = authenticator.known(bearer(secret))
        assert isinstance(caller, Caller)
        for number in range(CACHED):
            authenticator.remember(str(number).encode(), caller)
        assert len(authenticator.cache) == CACHED
        assert authenticator.known(bearer(secret)) is None

    run(scenario)


def test_without_authentication_the_host_is_checked(vocabulary: Vocabulary) -> None:
    """The local caller may everything, but only under a local name: another site's page cannot use a browser to get
    in."""
    authenticator = Authenticator("none", compiler(vocabulary), allowed_hosts=("county.example:8080",))

    async def scenario() -> None:
        for host in (b"localhost", b"127.0.0.1:8080", b"[::1]:9", b"LOCALHOST:1", b"county.example"):
            caller = await authenticator.authenticate({b"host": host})
            assert (caller.principal, caller.grant) == (LOCAL, ALL)
            assert authenticator.known({b"host": host}) is caller
        for host in (
            b"evil.example",
            b"localhost.evil.example",
            b"127.0.0.1.evil.example:8080",
            b"",
            b"[::2]",
            b"::1:",
        ):
            await refused(authenticator, {b"host": host}, 403)
        await refused(authenticator, {}, 403)
        assert authenticator.known({b"host": b"evil.example"}) is None

    asyncio.run(scenario())


@pytest.mark.parametrize("mode", ["keys", "jwt", "both", "open"])
def test_a_mode_without_what_it_needs_does_not_start(mode: str, vocabulary: Vocabulary) -> None:
    """A misconfigured server is refused rather than open."""
    with pytest.raises(FhirError):
        Authenticator(mode, compiler(vocabulary))


@pytest.mark.parametrize(("issuer", "audience"), [("", "https://county.example/fhir"), ("https://auth.example", "")])
def test_tokens_need_an_issuer_and_an_audience(issuer: str, audience: str, vocabulary: Vocabulary) -> None:
    """An empty one would accept tokens that name none."""
    with pytest.raises(FhirError, match="issuer, an audience"):
        Authenticator("jwt", compiler(vocabulary), verifier=Verifier(Issuer().source(), issuer, audience))
