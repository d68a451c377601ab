"""One server process with API keys for all clients."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.served import environment, served


@dataclass(frozen=True)
class Endpoint:
    """Where the server answers, and a key that may do everything."""

    base: str
    key: str


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """``countyfhir serve --auth keys`` on a fresh store."""
    folder: Path = tmp_path_factory.mktemp("clients")
    store = ("--store", f"sqlite:{folder / 'county.sqlite'}")
    command = ["key", "create", "client", "--organization", "county", "--scope", "system/*.cruds", *store]
    made = subprocess.run(
        [sys.executable, "-m", "countyfhir", *command],
        capture_output=True, text=True, check=True, env=environment(), cwd=folder,
    )  # fmt: skip
    # the tests write one person again and again; linked records would have further versions
    with served(folder, *store, "--auth", "keys", "--person-index", "off") as server:
        yield Endpoint(server.base, made.stdout.split()[0])
