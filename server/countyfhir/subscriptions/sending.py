"""Notifications over HTTP: one connection pool a process, no redirects, and only to places that are open now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from countyfhir.subscriptions.doors import SendFailed
from countyfhir.subscriptions.endpoints import Policy

if TYPE_CHECKING:
    import httpx

LONGEST_PAUSE = 3_600.0


class Sender:
    """``doors.Send`` with httpx, which is loaded when something is first sent."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._client: httpx.AsyncClient | None = None

    async def __call__(
        self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes, within: float
    ) -> None:
        """Send; SendFailed unless it was taken."""
        import httpx

        problem = self._policy.problem(url)
        if problem is not None:
            raise SendFailed(problem)
        try:
            place = await self._policy.place(url)
        except OSError:
            raise SendFailed("the name of the endpoint is not known") from None
        if place is None:
            raise SendFailed("the endpoint lies in a network that is not open to notifications")
        if self._client is None:
            self._client = httpx.AsyncClient(follow_redirects=False, trust_env=False, limits=_limits())
        host = urlsplit(url).hostname or ""
        try:
            answer = await self._client.request(
                method,
                _at(url, place),
                headers=[("Host", urlsplit(url).netloc), *headers],
                content=body,
                timeout=within,
                extensions={"sni_hostname": host},  # the certificate is that of the name, wherever it leads
            )
        except httpx.TimeoutException:
            raise SendFailed(f"no answer within {within:g} s") from None
        except httpx.HTTPError as error:
            raise SendFailed(f"not reached ({type(error).__name__})") from None
        if not answer.is_success:
            raise SendFailed(f"answered {answer.status_code}", _pause(answer.headers.get("retry-after")))

    async def close(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


def _limits() -> httpx.Limits:
    import httpx

    return httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=30)


def _at(url: str, place: str) -> str:
    """The address with the host's number in the place of its name: what was looked at is what is connected to."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port is not None else ""
    host = f"[{place}]" if ":" in place else place
    return urlunsplit((parts.scheme, host + port, parts.path or "/", parts.query, ""))


def _pause(text: str | None) -> float | None:
    if text is None or not text.isdigit():
        return None
    return min(float(text), LONGEST_PAUSE)
