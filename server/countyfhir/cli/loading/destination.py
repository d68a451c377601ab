"""Where loaded bundles go: a running server over HTTP, or a store without a server in between."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from countyfhir.exchange import SYSTEM, Interaction
from countyfhir.model import json
from countyfhir.outcome import FhirError, operation_outcome

TRIES = 8
LATER = frozenset({408, 425, 429, 502, 503, 504, 507})
"""Statuses after which the same request may succeed."""


class Unreachable(Exception):
    """The destination does not answer, or lets nobody in; trying the next bundle would be of no use."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the status, and the Bundle or OperationOutcome."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)


class Destination(Protocol):
    """Takes transaction and batch bundles as JSON text."""

    name: str

    async def send(self, bundle: bytes) -> Reply:
        """The destination's answer; Unreachable when there is none to be had."""


class Server:
    """A FHIR server at an address; busy servers are tried again after the time they name."""

    def __init__(self, address: str, key: str | None, concurrency: int) -> None:
        self.name = address.rstrip("/")
        headers = {
            "content-type": "application/fhir+json",
            "accept": "application/fhir+json",
            "prefer": "return=minimal",
        }
        if key:
            headers["authorization"] = f"Bearer {key}"
        limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        self.client = httpx.AsyncClient(headers=headers, limits=limits, timeout=httpx.Timeout(300, connect=10))

    async def send(self, bundle: bytes) -> Reply:
        """POST to the base address."""
        reason, pause = "", 0.0
        for attempt in range(TRIES):
            await asyncio.sleep(pause)
            pause = min(2.0**attempt * 0.25, 15.0)
            try:
                response = await self.client.post(self.name, content=bundle)
            except httpx.TransportError as error:
                reason = f"{self.name} does not answer: {error or type(error).__name__}"
                continue
            if response.status_code == 401:
                raise Unreachable(f"{self.name} lets nobody in with this key (401); give another with --key")
            if response.status_code not in LATER:
                return Reply(response.status_code, _parsed(response.content))
            reason = f"{self.name} is busy (status {response.status_code})"
            pause = _seconds(response.headers.get("retry-after")) or pause
        raise Unreachable(f"{reason}; {TRIES} tries")

    async def close(self) -> None:
        """Let go of the connections."""
        await self.client.aclose()


class Door:
    """The one door of this program, on a store of its own."""

    def __init__(self, world: Any, name: str) -> None:
        self.world, self.name = world, name

    async def send(self, bundle: bytes) -> Reply:
        """Perform the bundle."""
        try:
            body = json.parse(bundle)
            answer = await self.world.perform(
                Interaction(str(body["type"]), body=body, principal=SYSTEM, http_method="POST")
            )
        except FhirError as error:
            if error.status in LATER:
                raise Unreachable(f"{self.name}: {error}") from None
            return Reply(error.status, operation_outcome(error.issues))
        body = answer.body
        return Reply(answer.status, _parsed(body) if isinstance(body, bytes) else body or {})


def _parsed(text: bytes) -> Mapping[str, Any]:
    try:
        body = json.parse(text)
    except FhirError:
        return {}
    return body if isinstance(body, dict) else {}


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isdigit() else None
