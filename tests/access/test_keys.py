"""API keys are shown once, kept as digests, and stop working when they expire or are revoked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from countyfhir.access.keys import SECRET, create, digest_of, principal_by_secret
from countyfhir.model.definitions import definitions
from countyfhir.outcome import FhirError
from tests.stores import opened

GIVEN: dict[str, Any] = {
    "name": "ECG centre",
    "organization": "Organization/ecg",
    "scopes": ["system/*.rs"],
    "roles": ["report"],
}


def test_a_key_is_kept_as_its_digest_only(store_path: Path) -> None:
    """The secret has 256 random bits and stands nowhere in the store's files."""

    async def scenario() -> None:
        store = await opened(store_path)
        secret, key = await create(store.keys, **GIVEN)
        other, _ = await create(store.keys, **GIVEN)
        assert SECRET.fullmatch(secret)
        assert secret != other
        assert key.digest == digest_of(secret)
        assert [listed.key_id for listed in await store.keys.all()].count(key.key_id) == 1
        await store.close()
        for path in store_path.parent.iterdir():
            assert secret.encode() not in path.read_bytes()

    asyncio.run(scenario())


def test_a_key_says_who_asks(store_path: Path) -> None:
    """Name, the one organization, roles and scopes."""

    async def scenario() -> None:
        store = await opened(store_path)
        secret, _ = await create(store.keys, **GIVEN)
        principal, expires = await principal_by_secret(store.keys, secret)
        assert (principal.name, principal.kind, principal.organization) == ("ECG centre", "key", "ecg")
        assert (principal.roles, principal.scopes, expires) == (("report",), ("system/*.rs",), None)
        await store.close()

    asyncio.run(scenario())


def test_unknown_revoked_and_expired_keys_are_refused(store_path: Path) -> None:
    """401 for each; a revoked key stays revoked."""

    async def scenario() -> None:
        store = await opened(store_path)
        revoked, key = await create(store.keys, **GIVEN)
        assert await store.keys.revoke(key.key_id)
        expiring, _ = await create(store.keys, **GIVEN, expires=1_000, clock=lambda: 999)
        assert await principal_by_secret(store.keys, expiring, lambda: 999)
        for secret in (revoked, expiring, revoked[:-1] + "_", "cfk_", "cfk_" + "A" * 43, "", "x" * 100_000):
            with pytest.raises(FhirError) as caught:
                await principal_by_secret(store.keys, secret, lambda: 1_000)
            assert caught.value.status == 401
            assert secret == "" or secret not in caught.value.issues[0].diagnostics
        await store.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"organization": "Organization/"},
        {"scopes": []},
        {"scopes": ["system/Patient.sr"]},
        {"scopes": ["system/Pateint.rs"]},
        {"scopes": ["patient/*.rs"]},
        {"scopes": ["openid"]},
        {"expires": 1},
    ],
)
def test_keys_of_no_use_are_not_made(wrong: dict[str, Any], store_path: Path) -> None:
    """A key names somebody, one organization and scopes that are understood."""

    async def scenario() -> None:
        store = await opened(store_path)
        with pytest.raises(FhirError) as caught:
            await create(store.keys, **{**GIVEN, **wrong}, resource_types=definitions().resource_types)
        assert caught.value.status == 400
        assert await store.keys.all() == []
        await store.close()

    asyncio.run(scenario())
