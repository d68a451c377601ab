"""Where notifications may be sent: nobody may use the server to reach what he cannot reach himself (OWASP: server-side
request forgery)."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port -> addresses."""
SETTING = "notification_endpoints"


@dataclass(frozen=True, slots=True)
class Policy:
    """``allowed`` are hosts (``his.example``, ``*.county.example``), each maybe with ``:port``, and networks
    (``10.20.0.0/16``); ``loopback``: whether this machine itself may be named. Public addresses may be named anyway, by
    https only."""

    allowed: tuple[str, ...] = ()
    loopback: bool = False

    def problem(self, url: str) -> str | None:
        """Why nothing is sent there, as far as the address itself tells; None when it may be."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            return "The endpoint is no address."
        if parts.scheme not in ("http", "https") or not host:
            return "The endpoint must begin with https:// (or http://, where the server allows it) and name a host."
        if parts.username is not None or parts.fragment:
            return "The endpoint may hold neither user nor fragment; credentials belong into channel.header."
        if self.names(host, port or (443 if parts.scheme == "https" else 80)):
            return None
        literal = _address(host)
        if host == "localhost" or (literal is not None and not self.reaches(literal)):
            if host == "localhost" and self.loopback:
                return None
            return f"The endpoint lies in a network that is not open to notifications ({SETTING})."
        if parts.scheme == "http" and not (literal is not None and literal.is_loopback):
            return f"Without https nothing is sent to hosts that are not listed ({SETTING})."
        return None

    def names(self, host: str, port: int) -> bool:
        """Whether the host is listed."""
        host = host.lower()
        literal = _address(host)
        for one in self.allowed:
            name, _, only = one.lower().rpartition(":") if one.count(":") == 1 else (one.lower(), "", "")
            if only and only != str(port):
                continue
            if name == host or (name.startswith("*.") and host.endswith(name[1:])):
                return True
            if literal is not None and (network := _network(name)) is not None and literal in network:
                return True
        return False

    def reaches(self, address: Address) -> bool:
        """Whether an address that a host name leads to may be connected to."""
        real = getattr(address, "ipv4_mapped", None) or address
        if real.is_loopback:
            return self.loopback or self._listed(real)
        return (real.is_global and not real.is_multicast) or self._listed(real)

    def _listed(self, address: Address) -> bool:
        networks = (_network(one) for one in self.allowed)
        return any(network is not None and address in network for network in networks)

    async def place(self, url: str, resolve: Resolve | None = None) -> str | None:
        """The address to connect to, looked up now: a name that led to an open network yesterday may lead elsewhere
        today. None: nowhere that is open. OSError when the name is not known."""
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port or (443 if parts.scheme == "https" else 80)
        found = [str(host)] if _address(host) is not None else await (resolve or looked_up)(host, port)
        if self.names(host, port):
            return found[0] if found else None
        addresses = [address for one in found if (address := _address(one)) is not None]
        return found[0] if addresses and all(self.reaches(one) for one in addresses) else None


async def looked_up(host: str, port: int) -> list[str]:
    """The addresses of a host."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
