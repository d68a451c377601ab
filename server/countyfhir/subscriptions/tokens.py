"""Tokens for websockets: the Subscriptions they are good for and until when, sealed with the store's secret, so that
any process takes what another has given."""

from __future__ import annotations

from collections.abc import Sequence

from countyfhir.outcome import FhirError
from countyfhir.search import cursor

USE = "websocket binding token"


def sealed(subscriptions: Sequence[str], until: int, secret: bytes) -> str:
    """A token; ``until`` in microseconds since 1970."""
    return cursor.encode((until, tuple(subscriptions)), secret, USE, "")


def opened(token: str, secret: bytes, now: int) -> tuple[tuple[str, ...], int]:
    """The Subscriptions of a token and until when it is good; FhirError 401 for one that is not ours, or too old."""
    try:
        until, subscriptions = cursor.decode(token, secret, USE, "")
    except FhirError:
        raise FhirError("login", "The token is not one of this server.") from None
    if not isinstance(until, int) or until <= now or not isinstance(subscriptions, tuple):
        raise FhirError("expired", "The token has expired; ask for another one.")
    return tuple(str(one) for one in subscriptions), until
