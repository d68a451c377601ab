"""smart-configuration holds what was set and nothing else."""

from __future__ import annotations

from countyfhir.access.scopes import parse
from countyfhir.access.smart import AuthorizationServer, smart_configuration


def test_no_endpoint_is_invented() -> None:
    """Without an authorization server there are capabilities and scopes, which are really understood, and no
    endpoints."""
    document = smart_configuration(AuthorizationServer())
    assert not [name for name in document if name.endswith("endpoint") or name in ("issuer", "jwks_uri")]
    assert document["grant_types_supported"] == []
    assert all(parse(scope) for scope in document["scopes_supported"])
    assert "permission-v2" in document["capabilities"]
    assert not [name for name in document["capabilities"] if name.startswith(("launch", "client", "sso", "authorize"))]


def test_backend_services_are_named_when_there_is_a_token_endpoint() -> None:
    """Signing methods and grant type follow from the endpoint and its methods."""
    document = smart_configuration(
        AuthorizationServer(
            "https://auth.example", "https://auth.example/jwks", token_endpoint="https://auth.example/token"
        )
    )
    assert document["token_endpoint"] == "https://auth.example/token"
    assert document["grant_types_supported"] == ["client_credentials"]
    assert "client-confidential-asymmetric" in document["capabilities"]
    assert "authorization_endpoint" not in document


def test_a_key_file_is_no_address() -> None:
    """jwks_uri is left out when the keys lie in a file of the server."""
    assert "jwks_uri" not in smart_configuration(
        AuthorizationServer("https://auth.example", "/etc/countyfhir/jwks.json")
    )
