"""A server that speaks MongoDB's protocol, for tests: the one that ``MONGODB_URI`` names, else SecantusDB, started on a
free port with its data in a temporary folder; one a session."""

from __future__ import annotations

import atexit
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import pymongo
import pytest

PATIENT = "?serverSelectionTimeoutMS=60000&connectTimeoutMS=60000"
"""SecantusDB answers late where the machine has other work: that is no failure of what is tested."""


def database_uri() -> str:
    """The address of a database that nobody uses yet; skips the test where there is no server."""
    place, options = server()
    name = f"countyfhir_test_{secrets.token_hex(6)}"
    if os.environ.get("MONGODB_URI"):
        atexit.register(_drop, f"{place}/{options}", name)
    return f"{place}/{name}{options}"


@cache
def server() -> tuple[str, str]:
    """The address in front of the database's name, and what stands behind it."""
    given = os.environ.get("MONGODB_URI")
    if given:
        place, question, options = given.partition("?")
        scheme, _, rest = place.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}", question + options
    if importlib.util.find_spec("secantus") is None:
        pytest.skip("no MongoDB: MONGODB_URI is not set and SecantusDB is not installed")
    return started(), PATIENT


def started(*options: str, folder: Path | None = None) -> str:
    """The address of a SecantusDB started with these options; it stops with the session."""
    home = folder or Path(tempfile.mkdtemp(prefix="countyfhir-mongodb-"))
    port = options[options.index("--port") + 1] if "--port" in options else str(_free_port())
    command = [sys.executable, "-m", "secantus", "--storage-path", str(home), "--cache-size", "512M", *options]
    if "--port" not in options:
        command += ["--port", port]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([*command, "--log-level", "ERROR"], stdout=quiet, stderr=quiet, cwd=home)
    atexit.register(_stop, process, home)
    place = f"mongodb://127.0.0.1:{port}"
    processes[place] = process
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", int(port)), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return place
    pytest.skip("SecantusDB does not start here")


processes: dict[str, subprocess.Popen[bytes]] = {}
"""What was started, by address."""


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _drop(place: str, name: str) -> None:
    """A server that stays keeps nothing of the tests."""
    with pymongo.MongoClient(place) as client:
        client.drop_database(name)


def _stop(process: subprocess.Popen[bytes], folder: Path) -> None:
    process.kill()
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)
