"""What has been loaded already: a file of JSON lines, so that a load that was stopped goes on where it was."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TextIO


class Ledger:
    """For one destination, how many pieces of each file are done, counted without a gap. A file that changed since
    (size or time of change) starts anew. Lines are flushed as they are written: the end of the process loses none."""

    def __init__(self, path: Path, destination: str, *, again: bool = False) -> None:
        self.path, self.destination = path, destination
        self._known: dict[str, tuple[list[int], int, bool]] = {}
        self._waiting: dict[Path, set[tuple[int, int]]] = defaultdict(set)
        self._next: dict[Path, int] = {}
        if not again and path.exists():
            self._read()
        self._out: TextIO | None = None

    def _read(self) -> None:
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # the last line of a load that was cut off
            if entry["to"] == self.destination:
                self._known[entry["file"]] = (entry["state"], entry["done"], entry["finished"])

    def done(self, file: Path) -> int:
        """How many pieces of the file need not be sent again."""
        state, done, _ = self._known.get(str(file.resolve()), ([], 0, False))
        self._next[file] = done if state == _state(file) else 0
        return self._next[file]

    def finished(self, file: Path) -> bool:
        """Whether the whole file, as it is now, was loaded."""
        state, _, finished = self._known.get(str(file.resolve()), ([], 0, False))
        return finished and state == _state(file)

    def mark(self, file: Path, first: int, behind: int) -> None:
        """The pieces from ``first`` up to, not including, ``behind`` are done."""
        self._waiting[file].add((first, behind))
        reached = self._next.setdefault(file, 0)
        while step := next((part for part in self._waiting[file] if part[0] <= reached), None):
            self._waiting[file].remove(step)
            reached = max(reached, step[1])
        if reached > self._next[file]:
            self._next[file] = reached
            self._write(file, reached, finished=False)

    def finish(self, file: Path) -> None:
        """All pieces of the file are done."""
        self._write(file, self._next.get(file, 0), finished=True)

    def _write(self, file: Path, done: int, *, finished: bool) -> None:
        entry = {
            "to": self.destination,
            "file": str(file.resolve()),
            "state": _state(file),
            "done": done,
            "finished": finished,
        }
        if self._out is None:
            self._out = self.path.open("a", encoding="utf-8")
        self._out.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._out.flush()

    def close(self) -> None:
        """Let go of the file."""
        if self._out is not None:
            self._out.close()


def _state(file: Path) -> list[int]:
    status = file.stat()
    return [status.st_size, status.st_mtime_ns]
