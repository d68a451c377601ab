"""The FHIR endpoint as a bare ASGI application: one straight line from request to answer (DESIGN decision 2)."""

from __future__ import annotations

import itertools
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any

from countyfhir.access.authenticate import Authenticator, Caller
from countyfhir.audit.queue import AuditQueue
from countyfhir.exchange import Answer, Grant, Interaction, Principal, changed
from countyfhir.http import headers as request_headers
from countyfhir.http import incoming
from countyfhir.http.cors import Cors
from countyfhir.http.log_lines import places
from countyfhir.http.render import Form, RawHeaders, compressed, error_answer, form_of, rendered
from countyfhir.http.request import Edge, asked, needs_body, with_body
from countyfhir.interactions.accessed import RECORDED_WITH_THE_WRITE, shown_by
from countyfhir.interactions.perform import perform
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError

log = logging.getLogger("countyfhir.http")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Observer = Callable[[Interaction, int, float, request_headers.Headers], None]
"""Told of each answered request: what, status, when it began (time.perf_counter), its headers."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._\-]{1,64}\Z")
_PROCESS, _COUNT = secrets.token_hex(6), itertools.count(1)
_NOBODY = Principal("anonymous", "anonymous")
_ANYBODY = Caller(_NOBODY, Grant({}))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Serves everything under the prefix. ``audit`` takes what was read or refused; None records nothing."""

    world: World
    edge: Edge
    authenticator: Authenticator
    audit: AuditQueue | None
    smart_configuration: bytes = b"{}"
    cors: Cors = field(default_factory=Cors)
    gzip_min_bytes: int = 1400
    observer: Observer | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = request_headers.collected(scope["headers"])
        if scope["method"] == "OPTIONS":
            status, raw, body = self.cors.preflight(headers)
        else:
            try:
                status, raw, body = await self._answer(scope, receive, headers)
            except incoming.Disconnected:
                return
        if self.cors.origins:
            raw += self.cors.answer_headers(headers)
        await _send(send, status, raw, body, scope["method"] == "HEAD")

    async def _answer(
        self, scope: Scope, receive: Receive, headers: request_headers.Headers
    ) -> tuple[int, RawHeaders, bytes]:
        request_id, started = _request_id(headers), time.perf_counter()
        interaction = Interaction("unknown", principal=_NOBODY, request_id=request_id, http_method=scope["method"])
        form = Form()
        try:
            public = self._public(scope, headers)
            if public is not None:
                return public
            caller = self.authenticator.known(headers) or await self._caller(scope, headers)
            interaction = asked(scope, headers, caller.principal, request_id, self.edge)
            form = form_of(headers, interaction)
            if needs_body(interaction):
                body = await incoming.read_body(receive, headers, self.edge.max_body_bytes)
                interaction = with_body(interaction, body, headers)
                if interaction.kind.startswith("search"):
                    form = form_of(headers, interaction)
            answer = await perform(interaction, self.world, caller.grant)
            if interaction.kind not in RECORDED_WITH_THE_WRITE and not self._noted(interaction, answer):
                await self._audited(interaction, answer.status, answer)
            status, raw, text = rendered(answer, interaction, headers, form)
        except FhirError as error:
            if interaction.kind == "unknown":
                form = _form_of_refusal(scope, headers, interaction)
            status, raw, text = await self._refused(error, interaction, headers, form)
        except incoming.Disconnected:
            raise
        except Exception as error:  # noqa: BLE001 - the edge: nothing may leak, nothing may pass unseen
            _log_unexpected(error, request_id, interaction)
            status, raw, text = await self._refused(_unexpected(request_id), interaction, headers, form)
        if log.isEnabledFor(logging.DEBUG):
            _log_answered(interaction, request_id, status, started)
        if self.observer is not None:
            self.observer(interaction, status, started, headers)
        raw.append((b"x-request-id", request_id.encode()))
        return status, raw, compressed(raw, text, headers, self.gzip_min_bytes)

    async def _caller(self, scope: Scope, headers: request_headers.Headers) -> Caller:
        """Who asks; everybody may read the CapabilityStatement (R4 section 3.1.0.9)."""
        if scope["path"].endswith("/metadata") and scope["method"] in ("GET", "HEAD"):
            return _ANYBODY
        return await self.authenticator.authenticate(headers)

    def _public(self, scope: Scope, headers: request_headers.Headers) -> tuple[int, RawHeaders, bytes] | None:
        """What everybody may read: where tokens come from."""
        if not scope["path"].endswith("/.well-known/smart-configuration") or scope["method"] not in ("GET", "HEAD"):
            return None
        return 200, [(b"content-type", b"application/json")], self.smart_configuration

    def _noted(self, interaction: Interaction, answer: Answer) -> bool:
        """Whether nothing is to be awaited: the queue took the access at once, or accesses are not recorded."""
        return self.audit is None or self.audit.note(interaction, answer.status, *shown_by(answer))

    async def _audited(self, interaction: Interaction, status: int, answer: Answer | None) -> None:
        queue = self.audit
        if queue is None:
            return
        patients, version_id = shown_by(answer) if answer is not None else ((), None)
        await queue.access(interaction, status, patients, version_id)

    async def _refused(
        self, error: FhirError, interaction: Interaction, headers: request_headers.Headers, form: Form
    ) -> tuple[int, RawHeaders, bytes]:
        try:
            await self._audited(interaction, error.status, None)
        except FhirError as full:
            error = full
        shown = error_answer(located(error, interaction))
        return rendered(shown, Interaction("error", base=interaction.base), headers, form)


def located(error: FhirError, interaction: Interaction) -> FhirError:
    """The error with a place for each issue: where it names none, the resource type that was asked for, or the part
    of the request ("http." and its name, as OperationOutcome.issue.location has it)."""
    if all(issue.expression for issue in error.issues):
        return error
    place = interaction.resource_type or _PART_OF_REQUEST.get(error.status, "http.url")
    issues = [issue if issue.expression else replace(issue, expression=(place,)) for issue in error.issues]
    return FhirError(issues, status=error.status, headers=error.headers)


_PART_OF_REQUEST = {
    400: "http.body",
    401: "http.authorization",
    403: "http.authorization",
    405: "http.method",
    406: "http.accept",
    413: "http.body",
    415: "http.content-type",
}


def _form_of_refusal(scope: Scope, headers: request_headers.Headers, interaction: Interaction) -> Form:
    """The form of the answer to what was refused before its query was looked at."""
    try:
        return form_of(headers, changed(interaction, query=incoming.pairs(scope["query_string"])))
    except FhirError:
        return Form()


def _request_id(headers: request_headers.Headers) -> str:
    sent = headers.get(b"x-request-id")
    if sent is not None and _REQUEST_ID.match(sent):
        return sent.decode()
    return f"{_PROCESS}-{next(_COUNT):x}"


def _unexpected(request_id: str) -> FhirError:
    return FhirError("exception", f"Something unexpected went wrong; it was logged under the id {request_id}.")


def _log_unexpected(error: Exception, request_id: str, interaction: Interaction) -> None:
    """The type and the places of the error: its message may hold a patient's data."""
    log.error(
        "unexpected %s in %s %s (request %s): %s",
        type(error).__name__,
        interaction.kind,
        interaction.resource_type or "",
        request_id,
        places(error),
        extra={"request_id": request_id},
    )


def _log_answered(interaction: Interaction, request_id: str, status: int, started: float) -> None:
    """What was asked in the specification's words; no address, which may hold a patient's data."""
    log.debug(
        "%s %s %d %.1f ms (request %s)",
        interaction.kind,
        interaction.resource_type or "system",
        status,
        (time.perf_counter() - started) * 1000,
        request_id,
        extra={"request_id": request_id},
    )


async def _send(send: Send, status: int, raw: RawHeaders, body: bytes, head: bool) -> None:
    if status != 304 and status != 204:
        raw.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if head or status == 304 else body})
