"""Where things run: which cores the server and the driver get, on what file system the stores lie."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Cores = frozenset[int]


@dataclass(frozen=True, slots=True)
class Cut:
    """Cores of the server and of the driver. With two cores each gets one; with one core nothing is pinned."""

    server: Cores
    driver: Cores

    @property
    def said(self) -> str:
        """In words, for the head of the table."""
        if self.server == self.driver:
            return f"not pinned: server and driver share the cores {_listed(self.server)}"
        return f"server on core {_listed(self.server)}, driver on core {_listed(self.driver)}"


def _listed(cores: Cores) -> str:
    return ", ".join(map(str, sorted(cores)))


def cut(workers: int = 1) -> Cut:
    """A core for each worker and one for the driver, where there are enough."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) <= workers:
        return Cut(frozenset(cores), frozenset(cores))
    return Cut(frozenset(cores[:workers]), frozenset(cores[workers:]))


@contextmanager
def pinned(cores: Cores) -> Iterator[None]:
    """This thread, and what it starts, on these cores inside the block."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def conditions(folder: Path) -> dict[str, Any]:
    """What a reader must know of the machine to compare figures."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "store_on": file_system(folder),
        "pinning": cut().said,
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def file_system(folder: Path) -> str:
    """Type of the file system that holds a folder: on tmpfs an fsync costs nothing."""
    place, best = str(folder.resolve()), ("", "unknown")
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, point, kind = line.split(" ")[:3]
        if (place == point or place.startswith(point.rstrip("/") + "/")) and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1]
