"""The bare ASGI application: ``python -m bench.ceilings.application PORT FILE`` answers every request with the one
answer in FILE (JSON: status, headers, body), under the uvicorn settings of ``countyfhir serve``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import uvicorn

OWN = ("date", "content-length")
"""Headers that the HTTP server adds by itself."""


def application(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> Any:
    """An application with one answer."""
    start = {"type": "http.response.start", "status": status, "headers": headers}
    content = {"type": "http.response.body", "body": body}

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send(start)
            await send(content)

    return answer


def main() -> None:
    """Serve until told to stop."""
    told = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    body = told["body"].encode()
    headers = [(name.encode(), value.encode()) for name, value in told["headers"].items() if name not in OWN]
    headers.append((b"content-length", b"%d" % len(body)))
    uvicorn.run(
        application(told["status"], headers, body),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        lifespan="off",
    )


if __name__ == "__main__":
    main()
