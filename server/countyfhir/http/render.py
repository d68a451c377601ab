"""From an Answer to status, headers and bytes (DESIGN: http.render; R4 section 3.1.0.1)."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

from countyfhir.exchange import Answer, Interaction
from countyfhir.http import negotiate
from countyfhir.http.compress import chosen, packed
from countyfhir.http.headers import Headers
from countyfhir.interactions.page_form import body_of_row, page_form
from countyfhir.model import json
from countyfhir.outcome import FhirError, Issue, operation_outcome

RawHeaders = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Form:
    """How the caller wants it: json or xml, indented or not."""

    name: str = negotiate.JSON
    pretty: bool = False


_JSON_FORM = Form()


def form_of(headers: Headers, interaction: Interaction) -> Form:
    """The wanted form; ``_format`` wins over Accept (R4 3.1.0.1.11). 406 when it is none of ours."""
    wanted = dict(interaction.query) if interaction.query else {}
    if "_format" in wanted:
        printed = interaction.operation in negotiate.PRINTING and wanted["_format"] in negotiate.PRINTED
        name = negotiate.JSON if printed else negotiate.form_of_format(wanted["_format"])
    elif interaction.resource_type == "Binary" and _reads_raw(interaction, headers):
        name = negotiate.JSON  # of an OperationOutcome; the content has its own type
    else:
        accept = headers.get(b"accept")
        name = negotiate.form_of_accept(accept.decode("latin-1")) if accept else negotiate.JSON
    pretty = wanted.get("_pretty") == "true"
    return _JSON_FORM if name == negotiate.JSON and not pretty else Form(name, pretty)


def rendered(answer: Answer, interaction: Interaction, headers: Headers, form: Form) -> tuple[int, RawHeaders, bytes]:
    """Status, headers and body of an answer to an interaction."""
    raw: RawHeaders = [
        (name.lower().encode(), value.encode("latin-1", "replace")) for name, value in answer.headers.items()
    ]
    if answer.stored is not None:
        _describe(raw, answer, interaction)
    body = _preferred(answer, interaction)
    if body is None:
        return answer.status, raw, b""
    if answer.content_type is not None:
        raw.append((b"content-type", answer.content_type.encode("latin-1", "replace")))
        return answer.status, raw, body if isinstance(body, bytes) else json.dumps(body)
    if interaction.resource_type == "Binary" and _reads_raw(interaction, headers):
        return _raw_binary(answer, raw, body)
    text = _subset(body, interaction)
    raw.append((b"content-type", _CONTENT_TYPES[form.name]))
    return answer.status, raw, _formed(text, form)


_CONTENT_TYPES = {name: value.encode() for name, value in negotiate.CONTENT_TYPES.items()}
_LOCATED = ("create", "update", "patch")


def _describe(raw: RawHeaders, answer: Answer, interaction: Interaction) -> None:
    """ETag, Last-Modified and Location of the version shown."""
    stored = answer.stored
    assert stored is not None
    raw.append((b"etag", b'W/"%d"' % stored.version_id))
    raw.append((b"last-modified", _http_date(stored.last_updated // 1_000_000)))
    if interaction.kind in _LOCATED:
        place = f"{interaction.base}/{stored.resource_type}/{stored.logical_id}/_history/{stored.version_id}"
        raw.append((b"location", place.encode()))


_DATES: dict[int, bytes] = {}


def _http_date(seconds: int) -> bytes:
    known = _DATES.get(seconds)
    if known is None:
        if len(_DATES) > 10_000:
            _DATES.clear()
        known = _DATES[seconds] = formatdate(seconds, usegmt=True).encode()
    return known


def _preferred(answer: Answer, interaction: Interaction) -> bytes | dict[str, object] | None:
    """The body after ``Prefer: return``, which only changes the answers to writes (R4 section 3.1.0.1.8)."""
    returns = interaction.preferences.returns
    if returns is None or interaction.kind not in _LOCATED or answer.status >= 300:
        return answer.body
    if returns == "minimal":
        return None
    if returns == "OperationOutcome":
        done = f"{HTTPStatus(answer.status).phrase}: {interaction.kind} of {interaction.resource_type} succeeded."
        return operation_outcome((Issue("informational", done, severity="information"), *answer.issues))
    return answer.body


def _reads_raw(interaction: Interaction, headers: Headers) -> bool:
    """Whether a Binary is answered as its content rather than as a resource."""
    if interaction.kind not in ("read", "vread"):
        return False
    accept = headers.get(b"accept")
    asked_form = any(name == "_format" for name, _ in interaction.query)
    return not asked_form and not negotiate.wants_resource(accept.decode("latin-1") if accept else None)


def _raw_binary(answer: Answer, raw: RawHeaders, body: bytes | dict[str, object]) -> tuple[int, RawHeaders, bytes]:
    resource = json.parse(body) if isinstance(body, bytes) else body
    raw.append(
        (b"content-type", str(resource.get("contentType", "application/octet-stream")).encode("latin-1", "replace"))
    )
    raw.append((b"x-content-type-options", b"nosniff"))
    raw.append((b"content-disposition", b"attachment"))
    return answer.status, raw, b64decode(str(resource.get("data", "")))


def _subset(body: bytes | dict[str, object], interaction: Interaction) -> bytes:
    text = body if isinstance(body, bytes) else json.dumps(body)
    if not interaction.query or interaction.kind not in ("read", "vread", "capabilities", "operation"):
        return text
    return body_of_row(text, page_form(interaction.query))


def _formed(text: bytes, form: Form) -> bytes:
    if form.name == negotiate.XML:
        from countyfhir.model import xml  # a server starts without the XML library

        return xml.dumps(json.parse(text), pretty=form.pretty)
    return json.pretty(text) if form.pretty else text


def error_answer(error: FhirError) -> Answer:
    """An error as an Answer: its OperationOutcome."""
    return Answer(error.status, error.headers, operation_outcome(error.issues))


def compressed(raw: RawHeaders, body: bytes, headers: Headers, least: int) -> bytes:
    """The body packed where the caller takes it and it is worth it; ``least`` bytes is the smallest that is packed."""
    accept = headers.get(b"accept-encoding")
    if accept is None or len(body) < least:
        return body
    raw.append((b"vary", b"accept-encoding, accept"))
    coding = chosen(accept.decode("latin-1"))
    if coding is None:
        return body
    raw.append((b"content-encoding", coding.encode()))
    return packed(body, coding)
