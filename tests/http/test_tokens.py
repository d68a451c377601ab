"""JWTs of a local JWKS, checked end to end (SMART App Launch 2.2, RFC 7519)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.access.tokens import AUDIENCE, ISSUER, key_of, public, signed


@pytest.fixture(scope="module")
def server(serve: Callable[..., TestClient], tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """A server that trusts the keys of a file."""
    keys: Path = tmp_path_factory.mktemp("keys") / "jwks.json"
    keys.write_text(json.dumps({"keys": [public(key_of("P-256")), public(key_of("RSA"))]}))
    return serve(auth="jwt", issuer=ISSUER, audience=AUDIENCE, jwks=str(keys), audit="strict")


def bearer(algorithm: str = "ES256", **claims: Any) -> dict[str, str]:
    """The header of a token that is valid now, but for the claims that are changed."""
    now = int(time.time())
    return {"Authorization": f"Bearer {signed(algorithm, **{'iat': now, 'exp': now + 300, **claims})}"}


PATIENT = {"resourceType": "Patient"}


@pytest.mark.parametrize("algorithm", ["ES256", "RS384", "PS256"])
def test_a_token_opens_what_its_scopes_say(server: TestClient, algorithm: str) -> None:
    """It reads and searches Patients, and nothing else."""
    allowed = bearer(algorithm, scope="system/Patient.rs")
    assert server.get("Patient", headers=allowed).status_code == 200
    assert server.get("Observation", headers=allowed).status_code == 403
    assert server.post("Patient", json=PATIENT, headers=allowed).status_code == 403


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1},
        {"iss": "https://evil.example"},
        {"aud": "other"},
        {"organization": None},
        {"key": key_of("P-256", 9)},
    ],
)
def test_a_token_that_is_not_ours_is_401(server: TestClient, claims: dict[str, Any]) -> None:
    """Expired, of another issuer, for another audience, of no organization, signed by an unknown key."""
    refused = server.get("Patient", headers=bearer(**claims))
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert refused.json()["issue"][0]["expression"]


def test_nobody_acts_for_another_organization(server: TestClient) -> None:
    """By header, by Provenance in a create, and by Provenance in a bundle's entry: 403."""
    mine = bearer(scope="system/*.cruds")
    assert server.get("Patient", headers=mine | {"X-Organization": "hospital"}).status_code == 403
    agent = {"who": {"display": "x"}, "onBehalfOf": {"reference": "Organization/hospital"}}
    claim = {
        "resourceType": "Provenance",
        "target": [{"reference": "Patient/1"}],
        "recorded": "2026-01-02T03:04:05Z",
        "agent": [agent],
    }
    assert server.post("Provenance", json=claim, headers=mine).status_code == 403
    row = {"resource": claim, "request": {"method": "POST", "url": "Provenance"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [row]}
    assert server.post("", json=bundle, headers=mine).status_code == 403


def test_a_patient_token_shows_one_record(server: TestClient) -> None:
    """Reads, searches, history, compartments, chains and $everything show the patient in context and no other."""
    all_of_it = bearer(scope="system/*.cruds", organization="imaging")
    ids = [server.post("Patient", json=PATIENT, headers=all_of_it).json()["id"] for _ in range(2)]
    for one in ids:
        seen = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
        server.post("Observation", json=seen | {"subject": {"reference": f"Patient/{one}"}}, headers=all_of_it)
    mine, other = ids
    shown = bearer(scope="patient/*.rs", patient=mine)
    for place in ("Patient", "Observation", "Observation?subject:Patient._id=" + other, "Patient/_history", "_history"):
        assert other not in server.get(place, headers=shown).text.replace(place.partition("?")[2], ""), place
    assert server.get(f"Patient/{other}", headers=shown).status_code == 404
    assert server.get(f"Patient/{other}/_history", headers=shown).status_code == 404
    assert server.get(f"Patient/{other}/$everything", headers=shown).status_code == 404
    assert "entry" not in server.get(f"Patient/{other}/Observation", headers=shown).json()
    assert len(server.get(f"Patient/{mine}/$everything", headers=shown).json()["entry"]) == 2
    everybody = server.get("Patient/$everything", headers=shown).json()
    assert {row["resource"]["resourceType"] for row in everybody["entry"]} == {"Patient", "Observation"}
    assert other not in json.dumps(everybody)
    row = {"request": {"method": "GET", "url": f"Patient/{other}"}}
    for kind, status in (("transaction", 404), ("batch", 200)):
        answer = server.post("", json={"resourceType": "Bundle", "type": kind, "entry": [row]}, headers=shown)
        assert answer.status_code == status
        assert "404" in answer.text or status == 404


@pytest.mark.parametrize(
    "place",
    [
        "Patient?_has:Observation:patient:status=final",
        "Patient?_revinclude=Observation:patient",
        "Patient?general-practitioner:Practitioner.name=x",
        "Patient/1/Observation",
        "Patient/1/*",
        "Observation/_history",
        "Observation/1/_history",
        "Observation/1/_history/1",
        "Observation/$meta",
        "Observation/1/$meta",
        "Observation/1/$meta-add",
        "Patient/1/$purge",
        "$meta",
        "?_type=Observation",
    ],
)
def test_nothing_reaches_beyond_the_scopes(server: TestClient, place: str) -> None:
    """Chains, _has, includes, compartments, histories and operations: 403 for a type that is not granted."""
    method = "POST" if place.endswith(("-add", "$purge")) else "GET"
    refused = server.request(method, place, headers=bearer(scope="system/Patient.cruds"))
    assert refused.status_code == 403, refused.text


def test_the_smart_configuration_is_for_everybody(server: TestClient) -> None:
    """It names the issuer and our scopes, and no file of this machine as an address."""
    answer = server.get(".well-known/smart-configuration")
    assert answer.status_code == 200
    assert answer.json()["issuer"] == ISSUER
    assert "jwks_uri" not in answer.json()
    assert server.get("metadata").json()["rest"][0]["security"]["service"]


def test_scopes_that_narrow_reads_leave_creates_alone_in_bundles_too(server: TestClient) -> None:
    """Each entry is held to the scopes of its own letter, as it would be by itself."""
    seen = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    allowed = bearer(scope="system/Observation.rs?status=amended system/Observation.c")
    row = {"resource": seen, "request": {"method": "POST", "url": "Observation"}}
    for kind in ("batch", "transaction"):
        answer = server.post("", json={"resourceType": "Bundle", "type": kind, "entry": [row]}, headers=allowed)
        assert answer.json()["entry"][0]["response"]["status"] == "201 Created"
    assert server.post("Observation", json=seen, headers=allowed).status_code == 201
    assert "entry" not in server.get("Observation", headers=allowed).json()
