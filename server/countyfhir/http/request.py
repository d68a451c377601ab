"""From an ASGI request to an Interaction (DESIGN: http.parse)."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from countyfhir.exchange import Interaction, Principal, changed
from countyfhir.http import incoming
from countyfhir.http.address import Addressing
from countyfhir.http.headers import Headers, preconditions, preferences
from countyfhir.http.negotiate import PRINTING, printed_form
from countyfhir.interactions.route import route
from countyfhir.model.definitions import Definitions
from countyfhir.outcome import FhirError

TAKING_ANYTHING = frozenset(("$validate",))
"""Operations that say themselves what is wrong with a text that cannot be read."""
_WITH_BODY = ("POST", "PUT", "PATCH")


@dataclass(frozen=True, slots=True)
class Edge:
    """What the edge is configured with."""

    addressing: Addressing
    definitions: Definitions
    max_body_bytes: int = 64 * 1024 * 1024


def asked(
    scope: MutableMapping[str, Any], headers: Headers, principal: Principal, request_id: str, edge: Edge
) -> Interaction:
    """The interaction of a request without its body. 404, 405 or 400 as ``route`` tells."""
    method: str = scope["method"]
    path: str = scope["path"][len(edge.addressing.prefix) :]
    query_string: bytes = scope["query_string"]
    query = incoming.pairs(query_string) if query_string else ()
    base = edge.addressing.base(scope, headers)
    client = edge.addressing.caller(scope, headers)
    purpose = headers.get(b"x-purpose-of-use")
    found = route(method, path, edge.definitions)
    if found.operation in PRINTING and not any(name == "_format" for name, _ in query):
        printed = printed_form(headers.get(b"accept", b"").decode("latin-1"))
        query = query if printed is None else (*query, ("_format", printed))
    return Interaction(
        found.kind,
        found.resource_type,
        found.logical_id,
        found.version_id,
        query,
        None,
        None,
        preconditions(headers),
        preferences(headers),
        principal,
        base,
        request_id,
        found.operation,
        found.compartment,
        client,
        method,
        purpose.decode("latin-1")[:64] if purpose else None,
    )


def with_body(interaction: Interaction, body: bytes, headers: Headers) -> Interaction:
    """The interaction with its parsed body."""
    content_type = incoming.media_type(headers)
    kind = interaction.kind
    if content_type in incoming.FHIR_FORMS and b";" in headers[b"content-type"]:
        incoming.check_parameters(headers)
    if kind.startswith("search"):
        return changed(interaction, query=interaction.query + incoming.form(body, content_type))
    if kind == "operation":
        return _operation_body(interaction, body, content_type)
    if kind == "patch":
        return changed(interaction, body=incoming.patch(body, content_type), content_type=content_type)
    if kind in ("create", "update") and interaction.resource_type == "Binary":
        return _binary_body(interaction, body, content_type, headers)
    if kind in ("create", "update", "batch"):
        return _resource_body(interaction, body, content_type)
    return interaction


def _resource_body(interaction: Interaction, body: bytes, content_type: str | None) -> Interaction:
    if not body.strip():
        raise FhirError("structure", "The body is empty; a resource was expected.")
    resource = incoming.resource(body, content_type)
    kind = _bundle_kind(resource) if interaction.kind == "batch" else interaction.kind
    return changed(interaction, kind=kind, body=resource, content_type=content_type)


def _bundle_kind(resource: dict[str, Any]) -> str:
    if resource.get("resourceType") != "Bundle":
        raise FhirError("invalid", "What is posted to the base of the server must be a Bundle.", expression="Bundle")
    kind = resource.get("type")
    if kind not in ("batch", "transaction"):
        raise FhirError(
            "value", "The Bundle posted to the base must be of type batch or transaction.", expression="Bundle.type"
        )
    return str(kind)


def _binary_body(interaction: Interaction, body: bytes, content_type: str | None, headers: Headers) -> Interaction:
    if content_type in (*incoming.JSON_TYPES[:1], *incoming.XML_TYPES[:1]) or _is_binary_resource(body, content_type):
        return _resource_body(interaction, body, content_type)
    if content_type is None:
        raise FhirError("not-supported", "Raw content of a Binary needs a Content-Type.", status=415)
    context = headers.get(b"x-security-context")
    made = incoming.binary(body, content_type, context.decode("latin-1") if context else None)
    if interaction.logical_id is not None:
        made = {"resourceType": "Binary", "id": interaction.logical_id} | made
    return changed(interaction, body=made, content_type=content_type)


def _is_binary_resource(body: bytes, content_type: str | None) -> bool:
    return content_type in (None, "application/json") and b'"resourceType"' in body[:200] and b'"Binary"' in body[:200]


def _operation_body(interaction: Interaction, body: bytes, content_type: str | None) -> Interaction:
    if not body.strip():
        return interaction
    if content_type == incoming.FORM:
        return changed(interaction, query=interaction.query + incoming.pairs(body))
    if interaction.operation in TAKING_ANYTHING:
        return changed(interaction, body=_or_its_problem(body, content_type), content_type=content_type, text=body)
    return changed(interaction, body=incoming.resource(body, content_type), content_type=content_type)


def _or_its_problem(body: bytes, content_type: str | None) -> Any:
    """The resource, or the FhirError that says why the text is none."""
    try:
        return incoming.resource(body, content_type)
    except FhirError as error:
        if error.status == 415:
            raise
        return error


def needs_body(interaction: Interaction) -> bool:
    """Whether a body is read at all."""
    return interaction.http_method in _WITH_BODY
