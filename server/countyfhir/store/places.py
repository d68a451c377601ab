"""The place of a notification in the outbox, as one text: places sort by subscription, then by number."""

from __future__ import annotations

FIRST = ""
_DIGITS = 12


def place_of(subscription: str, number: int | None) -> str:
    """The place of a number of a Subscription; None: behind all of them."""
    return f"{subscription}/{10**_DIGITS - 1 if number is None else number:0{_DIGITS}d}"


def subscription_of(place: str) -> tuple[str, int]:
    """The Subscription and the number of a place."""
    subscription, _, number = place.rpartition("/")
    return subscription, int(number)


def settled_states() -> tuple[str, ...]:
    """The states of notifications that are over."""
    return ("delivered", "withheld", "discarded")
