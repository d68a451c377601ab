"""What this room is given: the store, what may be told to whom, how a Subscription's status changes, how it sends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from countyfhir.exchange import Principal, Resource, Stored
from countyfhir.search import parse
from countyfhir.store.ports import Registration, Store
from countyfhir.subscriptions.endpoints import Policy
from countyfhir.subscriptions.options import SECOND, Options
from countyfhir.subscriptions.topics import Topics
from countyfhir.subscriptions.wanted import Offered, Wanted, wanted

__all__ = [
    "SECOND",
    "Doors",
    "Options",
    "Seen",
    "Send",
    "SendFailed",
    "SetStatus",
    "owner_of",
    "owner_text",
    "principal_of",
]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Principal).decode


def owner_text(principal: Principal) -> bytes:
    """A principal as a registration keeps it: its scopes, never a credential."""
    return _encode(principal)


def principal_of(owner: bytes) -> Principal:
    """The principal of a text that ``owner_text`` made."""
    return _decode(owner)


def owner_of(registration: Registration) -> Principal:
    """Whose grant decides what the Subscription is told."""
    return principal_of(registration.owner)


class SendFailed(Exception):
    """A notification was not taken. The message tells why, without the endpoint's words; ``after``: seconds for which
    the endpoint asks to be left alone."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        self.after = after
        super().__init__(reason)


class Send(Protocol):
    """Sends one HTTP request and returns when it was taken (2xx) ``within`` so many seconds; SendFailed otherwise."""

    async def __call__(
        self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes, within: float
    ) -> None: ...
    async def close(self) -> None:
        """Let go of connections."""


class Seen(Protocol):
    """Which of the versions the owner of a Subscription may be told of, by its grant as it is now: their sequences."""

    async def __call__(self, principal: Principal, versions: Iterable[Stored]) -> set[int]: ...


class SetStatus(Protocol):
    """Writes the status (and error) of a Subscription, if its version is still that one; ``phase`` goes with it."""

    async def __call__(self, stored: Stored, status: str, error: str | None, phase: str | None) -> bool: ...


@dataclass(frozen=True, slots=True)
class Doors:
    """One object a process, made by the composition root."""

    store: Store
    context: Callable[[], parse.Context]
    topics: Callable[[], Topics]
    policy: Policy
    seen: Seen
    set_status: SetStatus
    send: Send
    told: Callable[[Principal, str, Sequence[Stored]], Awaitable[None]]  # records what was shown to whom
    usable: Callable[[Principal], Awaitable[str | None]]  # why a principal is not to be told anything more
    now: Callable[[], int]
    base: str
    websocket: str
    options: Options = field(default_factory=Options)
    outcomes: Counter[str] = field(default_factory=Counter)  # of attempts in this process: delivered, failed, dead

    def counted(self, outcome: str) -> None:
        """Count how an attempt ended."""
        self.outcomes[outcome] += 1

    @property
    def offered(self) -> Offered:
        """What Subscriptions are read against now."""
        return Offered(self.context(), self.topics(), self.policy)

    def wanted(self, resource: Resource) -> Wanted:
        """What a Subscription asks for; FhirError 422 for what is not offered."""
        return wanted(resource, self.offered)
