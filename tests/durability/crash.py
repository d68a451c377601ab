"""Kill writing processes without warning, again and again, and show that no acknowledged write is lost.

``python -m tests.durability.crash --rounds 100 --processes 3`` (with ``PYTHONPATH=server``). Every round starts
processes
that commit bundles to one store as fast as they can, kills them with SIGKILL at a random moment, and examines the
store.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import select
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from countyfhir.store import sqlite

from .bundles import Verdict, examine, write_bundles


def killed_round(path: Path, round_number: int, processes: int, seconds: float) -> list[str]:
    """Write from several processes, kill them all after ``seconds``; returns the bundles that were acknowledged."""
    children = [_start(path, f"r{round_number}p{place}") for place in range(processes)]
    told = _collected([pipe for _, pipe in children], time.monotonic() + seconds)
    for pid, _ in children:
        os.kill(pid, signal.SIGKILL)
    for pid, _ in children:
        os.waitpid(pid, 0)
    for _, pipe in children:
        while rest := os.read(pipe, 65536):
            told[pipe] += rest
        os.close(pipe)
    return [name for text in told.values() for name in text.decode().split()]


def _start(path: Path, prefix: str) -> tuple[int, int]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    os.close(reading)
    code = 1
    try:
        asyncio.run(_write_forever(path, prefix, writing))
        code = 0
    finally:
        os._exit(code)


async def _write_forever(path: Path, prefix: str, pipe: int) -> None:
    store = sqlite.open(path)
    await write_bundles(store, prefix, lambda name: _tell(pipe, name))


def _tell(pipe: int, name: str) -> None:
    """One line, written whole: shorter than what a pipe takes at once."""
    os.write(pipe, f"{name}\n".encode())


def _collected(pipes: list[int], until: float) -> dict[int, bytes]:
    """What comes through the pipes until the time is up, each pipe's lines kept whole."""
    parts: dict[int, bytes] = dict.fromkeys(pipes, b"")
    while (left := until - time.monotonic()) > 0:
        for pipe in select.select(pipes, [], [], left)[0]:
            parts[pipe] += os.read(pipe, 65536)
    return parts


def rounds(folder: Path, count: int, processes: int, seed: int) -> Iterator[tuple[int, int, Verdict]]:
    """Round after round on one growing store: (round, acknowledged so far, verdict)."""
    chance, acknowledged = random.Random(seed), list[str]()
    for number in range(count):
        acknowledged += killed_round(folder / "crash.sqlite", number, processes, chance.uniform(0.15, 0.6))
        verdict = examine(folder / "crash.sqlite", acknowledged, deep=number % 10 == 9 or number == count - 1)
        yield number, len(acknowledged), verdict


def main() -> int:
    """Run the rounds and say what was found; 1 when anything was lost."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=100)
    asked.add_argument("--processes", type=int, default=3)
    asked.add_argument("--seed", type=int, default=1)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for number, acknowledged, verdict in rounds(Path(folder), options.rounds, options.processes, options.seed):
            if not verdict.sound:
                print(f"round {number + 1}: {verdict}")  # noqa: T201 - a command says what it found
                return 1
            if number % 10 == 9:
                print(f"round {number + 1}: {acknowledged} acknowledged, {verdict.bundles} found, none lost, none half")  # noqa: T201 - a command says what it found
    print(f"{options.rounds} rounds, {options.processes} processes: nothing lost")  # noqa: T201 - a command says what it found
    return 0


if __name__ == "__main__":
    sys.exit(main())
