"""A server that speaks MongoDB's protocol, for tests: the one that ``MONGODB_URI`` names, else SecantusDB, started on a
free port with its data in a temporary folder; one a session."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache

import pytest


def database_uri() -> str:
    """The address of a database that nobody uses yet; skips the test where there is no server."""
    place, options = server()
    return f"{place}/countyfhir_test_{secrets.token_hex(6)}{options}"


@cache
def server() -> tuple[str, str]:
    """The address in front of the database's name, and what stands behind it."""
    given = os.environ.get("MONGODB_URI")
    if given:
        place, question, options = given.partition("?")
        scheme, _, rest = place.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}", question + options
    try:
        import secantus  # noqa: F401 - only whether it is there
    except ImportError:
        pytest.skip("no MongoDB: MONGODB_URI is not set and SecantusDB is not installed")
    return _started(), ""


def _started() -> str:
    folder = tempfile.mkdtemp(prefix="countyfhir-mongodb-")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "secantus", "--port", str(port), "--storage-path", folder, "--cache-size", "128M"]
    process = subprocess.Popen(
        [*command, "--log-level", "ERROR"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
    )

    def stop() -> None:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return f"mongodb://127.0.0.1:{port}"
    pytest.skip("SecantusDB does not start here")
