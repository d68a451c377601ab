"""A real server process for tests of the command line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Served:
    """A running server: its FHIR address and its process."""

    base: str
    process: subprocess.Popen[str]


def environment() -> dict[str, str]:
    """The environment in which the command can be found and no proxy stands between."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "server"), "no_proxy": "*", "COLUMNS": "200"}


@contextmanager
def served(folder: Path, *flags: str) -> Iterator[Served]:
    """`countyfhir serve` with the flags in the folder, ready; stopped at the end."""
    port = free_port()
    command = [sys.executable, "-m", "countyfhir", "serve", "--port", str(port), "--load-definitions", "off", *flags]
    with (folder / "serve.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment(), stdout=log, stderr=log, text=True)
    try:
        wait_for(f"http://127.0.0.1:{port}/ready", process, folder / "serve.log")
        yield Served(f"http://127.0.0.1:{port}/fhir", process)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)


def wait_for(address: str, process: subprocess.Popen[str], log: Path) -> None:
    """Return when the address answers; fail with the log when the process ends or does not come up."""
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            if httpx.get(address, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
