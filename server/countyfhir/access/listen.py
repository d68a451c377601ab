"""Where an unauthenticated server may listen and which ``Host`` it answers to (DESIGN decision 12)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from countyfhir.outcome import FhirError

if TYPE_CHECKING:
    from collections.abc import Iterable

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def refuse_to_listen(host: str, auth: str) -> str | None:
    """Why the server must not listen on ``host`` with this ``auth`` setting, or None when it may."""
    if auth != "none" or is_loopback(host):
        return None
    return (
        f"Refusing to listen on {host or 'every address'} without authentication: everyone who reaches this address "
        "could read and change all records. Set auth to keys, jwt or both, or listen on 127.0.0.1."
    )


def check_host(host: str | None, allowed: Iterable[str] = ()) -> None:
    """FhirError ``forbidden`` (403) unless the ``Host`` header names this machine or a name that is set. A page of
    another site can make a browser call the loopback address under its own name (DNS rebinding); this is what stops
    it."""
    name = host_name(host or "")
    if name not in LOCAL_NAMES and name not in {host_name(each) for each in allowed}:
        raise FhirError(
            "forbidden",
            "Without authentication this server answers only to localhost, 127.0.0.1 and [::1]; "
            "add the name to the allowed hosts, or configure authentication.",
        )


def host_name(host: str) -> str:
    """The name of a ``Host`` header without its port, in lower case."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host if host.count(":") > 1 else host.partition(":")[0]
