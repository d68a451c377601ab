"""Requests of a fault run: one connection a client, opened again when the server was killed; what the answer means."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from bench.connection import Connection, connect

ANSWER_WITHIN = 20.0
"""Seconds after which an answer counts as not given."""
UNKNOWN = frozenset({0, 500, 502, 503, 504, 507})
"""Statuses after which nobody knows what became of the request (0: no answer)."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Status (0: none came), the version of the ETag (0: none) and the body."""

    status: int
    version: int
    body: Any


class Asking:
    """One client. ``ports`` are the servers, which it takes in turn when one is gone."""

    def __init__(self, ports: list[int], first: int) -> None:
        self._ports, self._place = ports, first
        self._connection: Connection | None = None

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answered:
        """Send and wait; status 0 when no answer came."""
        content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        lines = [f"{method} /fhir/{path} HTTP/1.1", "host: 127.0.0.1", "content-type: application/fhir+json"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        lines += [f"content-length: {len(content)}", "", ""]
        try:
            connection = self._connection or await self._connected()
            async with asyncio.timeout(ANSWER_WITHIN):
                status, head, text = await connection.send("\r\n".join(lines).encode() + content)
        except (OSError, TimeoutError):
            self.close()
            return Answered(0, 0, None)
        if status == 503:
            await asyncio.sleep(0.05)
        if status == 204:
            return Answered(status, _etag(head), None)
        return Answered(status, _etag(head), json.loads(text) if text else None)

    async def _connected(self) -> Connection:
        """A connection to some server; waits until there is one."""
        while True:
            self._place += 1
            try:
                self._connection = await connect(self._ports[self._place % len(self._ports)], {})
            except OSError:
                await asyncio.sleep(0.03)
            else:
                return self._connection

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _etag(head: bytes) -> int:
    _, found, rest = head.lower().partition(b'\r\netag: w/"')
    return int(rest.partition(b'"')[0]) if found else 0
