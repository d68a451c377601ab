"""Request headers as the edge needs them: one pass over the ASGI list."""

from __future__ import annotations

from collections.abc import Iterable

from countyfhir.exchange import Preconditions, Preferences

Headers = dict[bytes, bytes]


def collected(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Header name (lower case) -> value; repeated ones joined by a comma (RFC 9110 section 5.3)."""
    headers: Headers = {}
    for name, value in raw:
        headers[name] = headers[name] + b"," + value if name in headers else value
    return headers


_PLAIN = Preconditions()


def preconditions(headers: Headers) -> Preconditions:
    """The conditional headers; shared and empty when there are none."""
    if not (
        b"if-match" in headers
        or b"if-none-match" in headers
        or b"if-none-exist" in headers
        or b"if-modified-since" in headers
    ):
        return _PLAIN
    return Preconditions(
        _text(headers, b"if-match"),
        _text(headers, b"if-none-match"),
        _text(headers, b"if-none-exist"),
        _text(headers, b"if-modified-since"),
    )


def _text(headers: Headers, name: bytes) -> str | None:
    value = headers.get(name)
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


_UNSAID = Preferences()
_RETURNS = {"minimal": "minimal", "representation": "representation", "operationoutcome": "OperationOutcome"}


def preferences(headers: Headers) -> Preferences:
    """``Prefer`` (RFC 7240); what is not known in it is ignored, as the RFC says."""
    sent = headers.get(b"prefer")
    if sent is None:
        return _UNSAID
    said: dict[str, str] = {}
    for part in sent.decode("latin-1").replace(";", ",").split(","):
        name, _, value = part.strip().partition("=")
        said.setdefault(name.strip().lower(), value.strip().strip('"'))
    return Preferences(
        _RETURNS.get(said.get("return", "").lower()),
        "lenient" if said.get("handling", "").lower() == "lenient" else "strict",
        "respond-async" in said,
    )
