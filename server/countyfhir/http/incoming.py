"""The body of a request: read within the limit, unpacked, parsed by its media type (R4 sections 3.1.0.1.11,
3.1.0.6, Binary)."""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from countyfhir.http.headers import Headers
from countyfhir.model import json
from countyfhir.outcome import FhirError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

JSON_TYPES = ("application/fhir+json", "application/json", "application/json+fhir", "text/json")
XML_TYPES = ("application/fhir+xml", "application/xml", "application/xml+fhir", "text/xml")
PATCH_TYPES = ("application/json-patch+json", "application/merge-patch+json")
FHIR_FORMS = frozenset(JSON_TYPES + XML_TYPES + PATCH_TYPES)
FORM = "application/x-www-form-urlencoded"


class Disconnected(Exception):
    """The caller went away while sending."""


async def read_body(receive: Receive, headers: Headers, limit: int) -> bytes:
    """All bytes of the body, unpacked; 413 beyond ``limit`` bytes (packed or not)."""
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > limit:
        raise too_large(limit)
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            break
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
    return body if encoding in ("identity", "") else _unpacked(body, encoding, limit)


def _unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise FhirError(
            "not-supported", f"Content-Encoding {encoding[:32]} is not understood; send gzip or plain.", status=415
        )
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        plain = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise FhirError("structure", f"The body is not valid {encoding}.") from error
    if len(plain) > limit:
        raise too_large(limit)
    if not unpacker.eof:
        raise FhirError("structure", f"The {encoding} body is cut off.")
    return plain


def too_large(limit: int) -> FhirError:
    """413 with the limit."""
    return FhirError(
        "too-long", f"The body is larger than the {limit} bytes this server takes; send it in parts.", status=413
    )


def check_parameters(headers: Headers) -> None:
    """415 where Content-Type names another character set than UTF-8, or another FHIR version than 4.0 (R4 sections
    3.1.0.1.11 and 3.1.0.1.12)."""
    for part in headers.get(b"content-type", b"").decode("latin-1").lower().split(";")[1:]:
        name, _, value = part.partition("=")
        said = value.strip().strip('"')
        if name.strip() in _TAKEN and said not in _TAKEN[name.strip()]:
            raise unsupported(part.strip(), tuple(f"{name.strip()}={one}" for one in _TAKEN[name.strip()][:1]))


_TAKEN = {"charset": ("utf-8", "utf8", "us-ascii", "ascii"), "fhirversion": ("4.0", "4.0.1", "4")}


def media_type(headers: Headers) -> str | None:
    """``Content-Type`` without parameters, lower case."""
    sent = headers.get(b"content-type")
    return None if sent is None else sent.partition(b";")[0].strip().decode("latin-1").lower() or None


def resource(body: bytes, content_type: str | None) -> Any:
    """The resource in a body; without a Content-Type the first character tells. 415 for any other media type."""
    if content_type is None:
        content_type = XML_TYPES[0] if body.lstrip()[:1] == b"<" else JSON_TYPES[0]
    if content_type in JSON_TYPES:
        return json.parse(body)
    if content_type in XML_TYPES:
        return _of_xml(body)
    raise unsupported(content_type, (JSON_TYPES[0], XML_TYPES[0]))


def _of_xml(body: bytes) -> Any:
    from countyfhir.model import xml  # a server starts without the XML library

    return xml.parse(body)


def patch(body: bytes, content_type: str | None) -> Any:
    """The patch document in a body."""
    if content_type in PATCH_TYPES or content_type in JSON_TYPES:
        return json.parse_any(body)
    if content_type in XML_TYPES:
        return _of_xml(body)
    raise unsupported(content_type or "none", (*PATCH_TYPES, JSON_TYPES[0], XML_TYPES[0]))


def form(body: bytes, content_type: str | None) -> tuple[tuple[str, str], ...]:
    """The parameters of a posted search."""
    if content_type is not None and content_type != FORM:
        raise unsupported(content_type, (FORM,))
    return pairs(body)


def pairs(query: bytes) -> tuple[tuple[str, str], ...]:
    """Decoded name-value pairs of a query string or form; 400 where the encoding is broken."""
    if not query:
        return ()
    try:
        return tuple(parse_qsl(query.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=2000))
    except (UnicodeDecodeError, ValueError) as error:
        raise FhirError("invalid", "The parameters are not valid percent-encoded UTF-8, or are too many.") from error


def binary(body: bytes, content_type: str, security_context: str | None) -> dict[str, Any]:
    """A Binary resource around raw bytes (R4 Binary: ``X-Security-Context``)."""
    made: dict[str, Any] = {"resourceType": "Binary", "contentType": content_type}
    if security_context:
        made["securityContext"] = {"reference": security_context}
    if body:
        made["data"] = b64encode(body).decode()
    return made


def unsupported(content_type: str, offered: tuple[str, ...]) -> FhirError:
    """415 with what is understood."""
    return FhirError(
        "not-supported",
        f"A body of type {content_type[:100]} is not understood here; send {' or '.join(offered)}.",
        status=415,
    )
