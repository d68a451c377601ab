"""The smallest HTTP/1.1 client that keeps its connection: so that the driver costs little beside the server."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson


class Connection(asyncio.Protocol):
    """One connection, one request at a time. Answers must carry Content-Length (ours do)."""

    def __init__(self, headers: dict[str, str], prefix: str) -> None:
        self._prefix = prefix
        self._head = "".join(f"{name}: {value}\r\n" for name, value in ({"host": "127.0.0.1"} | headers).items())
        self._received = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes, bytes]] | None = None
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Whoever waits learns that the server hung up."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(str(error or "the server closed the connection")))

    def data_received(self, data: bytes) -> None:
        """Collect until the answer is whole."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or self._answer is None:
            return
        head = bytes(self._received[: end + 2])
        place = head.lower().find(b"\r\ncontent-length:")
        length = int(head[place + 17 : head.find(b"\r\n", place + 2)]) if place >= 0 else 0
        if len(self._received) >= end + 4 + length:
            body = bytes(self._received[end + 4 : end + 4 + length])
            self._received.clear()
            self._answer.set_result((int(head[9:12]), head, body))

    async def send(self, raw: bytes) -> tuple[int, bytes, bytes]:
        """Send finished bytes; status, head and body of the answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(raw)
        return await self._answer

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Send a request; status and body of the answer."""
        content = b"" if body is None else orjson.dumps(body)
        kind = f"content-type: application/fhir+json\r\ncontent-length: {len(content)}\r\n" if body is not None else ""
        status, _, answer = await self.send(
            f"{method} {self._prefix}{path} HTTP/1.1\r\n{self._head}{kind}\r\n".encode() + content
        )
        return status, answer

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


async def connect(port: int, headers: dict[str, str], prefix: str = "/fhir") -> Connection:
    """A connection to a server on this machine."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(headers, prefix), "127.0.0.1", port)
    return connection
