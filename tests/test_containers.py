"""docker-compose.yml is what the Compose specification allows, and holds together; the Dockerfile copies what is
there and runs as nobody in particular."""

from __future__ import annotations

import json
import re
from importlib import util
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from countyfhir.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def test_the_compose_file_is_valid() -> None:
    """Against the schema of the Compose specification, which comes with check-jsonschema."""
    found = util.find_spec("check_jsonschema")
    if found is None or not found.submodule_search_locations:
        pytest.skip("check-jsonschema, which holds the schema, is not installed")
    folder = Path(found.submodule_search_locations[0]) / "builtin_schemas" / "vendor"
    jsonschema.validate(COMPOSE, json.loads((folder / "compose-spec.json").read_text(encoding="utf-8")))


def test_what_services_name_is_there() -> None:
    """Volumes, configs and the services they wait for, which are started by the same profile."""
    for name, service in SERVICES.items():
        named = {volume.partition(":")[0] for volume in service.get("volumes", ())}
        assert {each for each in named if not each.startswith(".")} <= COMPOSE["volumes"].keys(), name
        assert {config["source"] for config in service.get("configs", ())} <= COMPOSE["configs"].keys(), name
        for other in service.get("depends_on", {}):
            profiles = SERVICES[other].get("profiles")
            assert profiles is None or set(service["profiles"]) <= set(profiles), name
    ports = [port.rpartition(":")[0] for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(ports) == len(set(ports))


def test_servers_can_write_only_where_their_data_is() -> None:
    """Read-only root, no capabilities; every setting exists."""
    for service in OURS.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert any(volume.endswith(":/data") for volume in service["volumes"])
        for variable in service["environment"]:
            assert variable.removeprefix(PREFIX).lower() in Settings.model_fields
    for service in SERVICES.values():
        assert "privileged" not in service


def test_replica_sets_name_their_own_members() -> None:
    """Where a set is made, its members are services; the servers name the set."""
    for service in SERVICES.values():
        test = " ".join(service.get("healthcheck", {}).get("test", ()))
        assert set(re.findall(r"host: '([a-z0-9]+):27017'", test)) <= SERVICES.keys()
    for service in OURS.values():
        store = service["environment"].get("COUNTYFHIR_STORE", "")
        hosts = re.findall(r"(mongo[a-z0-9]+)", store.partition("//")[2].partition("/")[0])
        assert set(hosts) <= SERVICES.keys()
        assert not store or store.endswith("replicaSet=rs0")


def test_the_dockerfile_holds() -> None:
    """What it copies is there; it does not run as root; it is asked whether it is ready; its settings exist."""
    for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE):
        assert (ROOT / line.split()[0]).exists(), line
    users = re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)
    assert users
    assert users[-1] not in ("root", "0")
    assert "/readyz" in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE
    for variable in re.findall(r"COUNTYFHIR_[A-Z_]+", DOCKERFILE):
        assert variable.removeprefix(PREFIX).lower() in Settings.model_fields


def test_nginx_passes_on_what_the_server_needs() -> None:
    """The host that was asked for, who asked, upgrades to websockets; figures stay inside, no TLS below 1.2."""
    said = COMPOSE["configs"]["nginx"]["content"].replace("$$", "$")
    for line in (
        "proxy_set_header Upgrade $http_upgrade;",
        "proxy_set_header Connection $connection_upgrade;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "location = /metrics { return 404; }",
        "ssl_protocols TLSv1.2 TLSv1.3;",
    ):
        assert line in said
    assert said.count("{") == said.count("}")
