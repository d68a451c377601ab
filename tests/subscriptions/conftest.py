"""Servers over ASGI, and receivers that really listen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.http.conftest import TestClient, running
from tests.stores import store_at
from tests.subscriptions.receiving import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """One that takes everything."""
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., TestClient]]:
    """Starts servers; they stop with the module."""
    from contextlib import ExitStack

    with ExitStack() as servers:

        def start(**settings: Any) -> TestClient:
            folder: Path = tmp_path_factory.mktemp("store")
            given = {"store": store_at(folder / "county.sqlite"), "notification_first_retry_seconds": 0.05} | settings
            return servers.enter_context(running(**given))

        yield start


@pytest.fixture(scope="module")
def client(serve: Callable[..., TestClient]) -> TestClient:
    """A server shared by the tests of a module; the rules of the workflows, which write further resources, are off."""
    return serve(workflow="off")
