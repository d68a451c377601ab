"""API keys in SQLite; only digests are kept."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from countyfhir.store.ports import ApiKey
from countyfhir.store.sqlite.connecting import ThreadConnections, fetch
from countyfhir.store.sqlite.faults import translated
from countyfhir.store.sqlite.writing import Transaction, Writer

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ApiKey).decode


class SqliteKeys:
    """``KeyStore`` on one SQLite file."""

    def __init__(self, connections: ThreadConnections, writer: Writer) -> None:
        self._connections, self._writer = connections, writer

    async def add(self, key: ApiKey) -> None:
        """Keep a new key."""
        row = (key.key_id, key.digest, key.revoked, key.created, _encode(key))
        await self._writer.run(
            lambda: (
                lambda _: (
                    lambda transaction: transaction.connection.execute(
                        "INSERT INTO api_key VALUES (?, ?, ?, ?, ?)", row
                    )
                )
            )
        )

    async def by_digest(self, digest: bytes) -> ApiKey | None:
        """The key whose secret has this digest; a revoked one is returned as revoked."""
        with translated():
            rows = fetch(self._connections.mine(), "SELECT record, revoked FROM api_key WHERE digest = ?", (digest,))
        return _key(*rows[0]) if rows else None

    async def all(self) -> list[ApiKey]:
        """Every key, oldest first."""
        with translated():
            rows = fetch(self._connections.mine(), "SELECT record, revoked FROM api_key ORDER BY created, key_id")
        return [_key(*row) for row in rows]

    async def revoke(self, key_id: str) -> bool:
        """Whether there was such a key that was not revoked yet."""

        def revoke(transaction: Transaction) -> bool:
            transaction.connection.execute("UPDATE api_key SET revoked = 1 WHERE key_id = ? AND revoked = 0", (key_id,))
            return transaction.connection.changes() > 0

        return await self._writer.run(lambda: lambda _: revoke)


def _key(record: bytes, revoked: int) -> ApiKey:
    return replace(_decode(record), revoked=bool(revoked))
