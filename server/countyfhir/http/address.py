"""The public base URL of a request and the address of its caller, behind trusted proxies or not."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from countyfhir.http.headers import Headers


@dataclass(frozen=True, slots=True)
class Addressing:
    """``base_url`` (no trailing slash) fixes the public base; otherwise Host and, from ``trusted_proxies``
    (addresses or networks), X-Forwarded-Proto, -Host and -For tell it."""

    prefix: str = "/fhir"
    base_url: str | None = None
    trusted_proxies: tuple[str, ...] = ()

    def base(self, scope: MutableMapping[str, Any], headers: Headers) -> str:
        """The base URL that links of the answer start with."""
        if self.base_url is not None:
            return self.base_url
        scheme, host = scope.get("scheme", "http"), headers.get(b"host", b"").decode("latin-1")
        if self.trusted_proxies and self._trusts(scope):
            scheme = _last(headers, b"x-forwarded-proto") or scheme
            host = _last(headers, b"x-forwarded-host") or host
        return f"{scheme}://{host or 'localhost'}{self.prefix}"

    def caller(self, scope: MutableMapping[str, Any], headers: Headers) -> str | None:
        """The network address of the caller; the last address a trusted proxy did not add itself."""
        client = scope.get("client")
        address = client[0] if client else None
        if not self.trusted_proxies or not self._trusts(scope):
            return address
        for hop in reversed(headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")):
            if hop.strip():
                address = hop.strip()
                if not _within(address, self.trusted_proxies):
                    break
        return address

    def _trusts(self, scope: MutableMapping[str, Any]) -> bool:
        client = scope.get("client")
        return client is not None and _within(client[0], self.trusted_proxies)


def _within(address: str, networks: tuple[str, ...]) -> bool:
    try:
        asked = ip_address(address)
    except ValueError:
        return False
    return any(asked in ip_network(network, strict=False) for network in networks)


def _last(headers: Headers, name: bytes) -> str | None:
    value = headers.get(name)
    return value.decode("latin-1").rpartition(",")[2].strip() or None if value else None
