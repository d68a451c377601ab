"""``/.well-known/smart-configuration``: what this server really has (SMART App Launch 2.2, "Conformance")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """What the operator set about the authorization server; None is left out of the document."""

    issuer: str | None = None
    jwks_uri: str | None = None
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    registration_endpoint: str | None = None
    introspection_endpoint: str | None = None
    revocation_endpoint: str | None = None
    management_endpoint: str | None = None
    token_endpoint_auth_methods: tuple[str, ...] = ("private_key_jwt",)
    grant_types: tuple[str, ...] = ()


SCOPES_SUPPORTED = ("system/*.cruds", "user/*.cruds", "patient/*.cruds")
ENDPOINTS = (
    "issuer",
    "jwks_uri",
    "authorization_endpoint",
    "token_endpoint",
    "registration_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "management_endpoint",
)


def smart_configuration(server: AuthorizationServer) -> dict[str, Any]:
    """The document. It names no endpoint that is not set, and only the capabilities of a resource server: scopes of
    both versions, and backend services when there is a token endpoint that authenticates clients by their key."""
    document: dict[str, Any] = {name: getattr(server, name) for name in ENDPOINTS if getattr(server, name)}
    if server.jwks_uri and "://" not in server.jwks_uri:
        del document["jwks_uri"]  # a file of ours is no address for others
    capabilities = ["permission-v1", "permission-v2", "permission-patient", "permission-user"]
    if server.token_endpoint:
        document["token_endpoint_auth_methods_supported"] = list(server.token_endpoint_auth_methods)
        if "private_key_jwt" in server.token_endpoint_auth_methods:
            capabilities.append("client-confidential-asymmetric")
            algorithms = ["RS384", "ES384"]
            document["token_endpoint_auth_signing_alg_values_supported"] = algorithms
    document["grant_types_supported"] = list(grant_types(server))
    document["scopes_supported"] = list(SCOPES_SUPPORTED)
    if server.authorization_endpoint:
        document["response_types_supported"] = ["code"]
    document["code_challenge_methods_supported"] = ["S256"]
    document["capabilities"] = capabilities
    return document


def grant_types(server: AuthorizationServer) -> tuple[str, ...]:
    """The grant types that were set, or those that follow from the endpoints."""
    if server.grant_types:
        return server.grant_types
    code = ("authorization_code",) if server.authorization_endpoint else ()
    return (*code, "client_credentials") if server.token_endpoint else code
