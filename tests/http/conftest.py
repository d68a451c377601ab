"""The whole application over ASGI with a real embedded store in a temporary folder."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette announces another client library at import
    from starlette.testclient import TestClient

from countyfhir.app import create_app
from countyfhir.settings import load
from tests.stores import store_at

BASE = "http://127.0.0.1:8080/fhir/"


@contextmanager
def running(**settings: Any) -> Iterator[TestClient]:
    """A server with these settings; it stops at the end of the block."""
    with TestClient(create_app(load({"load_definitions": "off"} | settings)), base_url=BASE) as client:
        yield client


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., TestClient]]:
    """Starts servers with settings; each on a store of its own unless ``store`` is given. They stop with the module."""
    with ExitStack() as servers:

        def start(**settings: Any) -> TestClient:
            folder: Path = tmp_path_factory.mktemp("store")
            return servers.enter_context(running(**{"store": store_at(folder / "county.sqlite")} | settings))

        yield start


@pytest.fixture(scope="module")
def client(serve: Callable[..., TestClient]) -> TestClient:
    """A server with default settings, shared by the tests of a module."""
    return serve()


@pytest.fixture
def patient(client: TestClient) -> dict[str, Any]:
    """A Patient that was just created."""
    made = client.post("Patient", json={"resourceType": "Patient", "name": [{"family": "欧阳", "given": ["明"]}]})
    assert made.status_code == 201
    resource: dict[str, Any] = made.json()
    return resource
