"""A folder that files are dropped into: each is taken in when it is complete, once, and remembered by its content."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from countyfhir.exchange import SourceRecord
from countyfhir.intake.archives import is_archive
from countyfhir.intake.desk import Desk
from countyfhir.intake.inputs import Inputs
from countyfhir.intake.reading import file_digest
from countyfhir.intake.report import Report
from countyfhir.intake.run import run
from countyfhir.mapping import Source
from countyfhir.outcome import FhirError

log = logging.getLogger(__name__)

WATCHED = "watched-files"
"""The ledger's name for files that were taken in from a watched folder; their key is their SHA-256."""
UNFINISHED = (".part", ".partial", ".filepart", ".tmp", ".crdownload", "~")
"""Endings of files that are still being written."""
State = tuple[int, int]


@dataclass(slots=True)
class Watch:
    """``listed`` gives the files there are now, ``inputs`` what is to be read of some of them, ``told`` gets the report
    of each round. ``moved``: where a file goes when everything in it is accounted for."""

    sources: Sequence[Source]
    listed: Callable[[], list[Path]]
    inputs: Callable[[frozenset[Path]], Inputs]
    told: Callable[[Report], None]
    every: float = 2.0
    moved: Path | None = None
    looked: dict[Path, State] = field(default_factory=dict)
    taken: dict[Path, State] = field(default_factory=dict)

    @property
    def versions(self) -> str:
        """A digest of all mapping versions: a file is read again after a mapping was mended."""
        named = sorted(f"{one.name}|{one.version}" for source in self.sources for one in source.mappings)
        return hashlib.sha256("\n".join(named).encode()).hexdigest()

    async def until(self, stop: asyncio.Event, desk: Desk) -> None:
        """Looks, takes in what is complete, and waits, until told to stop. While the store does not answer, files
        wait."""
        while not stop.is_set():
            try:
                await self.round(desk)
            except FhirError as error:
                if error.status < 500:
                    raise
                log.warning("files wait: %s", error)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self.every)

    async def round(self, desk: Desk) -> Report | None:
        """One look; the report of what was taken in, None when nothing was complete and new."""
        complete = self.complete()
        digests = await asyncio.to_thread(lambda: {path: file_digest(path) for path in complete})
        known = await desk.ledger.latest(WATCHED, sorted(set(digests.values()))) if digests else {}
        new: dict[Path, str] = {}
        for path, digest in digests.items():
            if digest in known and known[digest].mapping_version == self.versions:
                self.done(path, complete[path])
            else:
                new[path] = digest
        if not new:
            return None
        inputs = await asyncio.to_thread(self.inputs, frozenset(new))
        report = await run(inputs, desk)
        idle = idle_files(new, inputs)
        told = {name.rpartition(" (")[0] or name for name in report.unmatched}
        listed = (f"{path.parent.name}/{path.name}" for path in idle)
        report.unmatched += tuple(name for name in listed if name not in told)
        now, versions = int(desk.now() * 1_000_000), self.versions
        await desk.ledger.append(
            [
                SourceRecord(WATCHED, digest, digest, "unchanged", versions, path.name, 0, recorded=now)
                for path, digest in new.items()
                if path not in idle
            ]
        )
        for path in new:
            if path in idle:
                self.taken[path] = complete[path]
            else:
                self.done(path, complete[path])
        self.told(report)
        return report

    def complete(self) -> dict[Path, State]:
        """The files that are as they were at the last look and were not taken in like this before."""
        now: dict[Path, State] = {}
        for path in self.listed():
            with suppress(OSError):  # gone meanwhile
                facts = path.stat()
                now[path] = (facts.st_size, facts.st_mtime_ns)
        before, self.looked = self.looked, now
        return {
            path: state
            for path, state in now.items()
            if before.get(path) == state and self.taken.get(path) != state and not path.name.endswith(UNFINISHED)
        }

    def done(self, path: Path, state: State) -> None:
        """Remembers the file, or moves it away under a name that is free."""
        self.taken[path] = state
        if self.moved is None:
            return
        folder = self.moved / path.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        target, number = folder / path.name, 1
        while target.exists():
            number += 1
            target = folder / f"{path.stem}-{number}{path.suffix}"
        with suppress(FileNotFoundError):
            shutil.move(path, target)
            del self.taken[path]


def idle_files(new: Iterable[Path], inputs: Inputs) -> set[Path]:
    """The files that nothing was read of: no mapping is for them, or the archive cannot be unpacked. They stay."""
    read = {one.path for one in inputs.inputs}
    return {
        path
        for path in new
        if path not in read
        and (
            not is_archive(path)
            or any(name.startswith(f"{path.parent.name}/{path.name} (") for name in inputs.unmatched)
        )
    }
