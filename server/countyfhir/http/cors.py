"""Cross-origin requests from browsers, for the origins of the setting (Fetch standard, CORS protocol)."""

from __future__ import annotations

from dataclasses import dataclass

from countyfhir.http.headers import Headers
from countyfhir.http.render import RawHeaders, error_answer
from countyfhir.model import json
from countyfhir.outcome import FhirError

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_EXPOSED = b"ETag, Location, Last-Modified, Content-Location, X-Request-Id, Retry-After"
_ALLOWED = (
    b"Authorization, X-API-Key, Content-Type, Accept, Prefer, If-Match, If-None-Match, If-None-Exist, "
    b"If-Modified-Since, X-Request-Id, X-Organization, X-Purpose-Of-Use"
)


@dataclass(frozen=True, slots=True)
class Cors:
    """``origins`` that may call from a browser; ``*`` any (then without credentials). Empty: none, no headers at
    all."""

    origins: tuple[str, ...] = ()

    def answer_headers(self, headers: Headers) -> RawHeaders:
        """What an answer to the request's Origin carries."""
        origin = headers.get(b"origin")
        if origin is None or not self._allows(origin):
            return []
        shown = b"*" if "*" in self.origins else origin
        return [
            (b"access-control-allow-origin", shown),
            (b"access-control-expose-headers", _EXPOSED),
            (b"vary", b"origin"),
        ]

    def preflight(self, headers: Headers) -> tuple[int, RawHeaders, bytes]:
        """The answer to OPTIONS: 204 with what is allowed; 405 where nothing is."""
        if not self.origins:
            refused = error_answer(
                FhirError("not-supported", "OPTIONS is answered only where CORS is configured.", status=405)
            )
            assert isinstance(refused.body, dict)
            return 405, [(b"content-type", b"application/fhir+json"), (b"allow", _METHODS)], json.dumps(refused.body)
        return (
            204,
            [
                (b"access-control-allow-methods", _METHODS),
                (b"access-control-allow-headers", _ALLOWED),
                (b"access-control-max-age", b"600"),
            ],
            b"",
        )

    def _allows(self, origin: bytes) -> bool:
        return "*" in self.origins or origin.decode("latin-1") in self.origins
