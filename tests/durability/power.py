"""A disk that forgets: what was written but not synced is gone after the power fails (an SQLite VFS).

Writes go to real files, so that a running store sees them, and beside that into an image of what would survive. At a
power cut the image may also hold some of the sectors that were under way: each survives or not, by chance.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from pathlib import Path

import apsw

SECTOR = 512


@dataclass(slots=True)
class Image:
    """One file as it would be found: ``durable`` is certain, ``pending`` are writes (offset, data) and truncations
    (size,
    None) not synced yet."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        for operation in self.pending:
            _apply(self.durable, operation)
        self.pending.clear()

    def after_cut(self, chance: random.Random | None) -> bytes:
        """What is found after the cut: nothing of what was pending, or some sectors of it."""
        found = bytearray(self.durable)
        if chance is not None:
            for offset, data in self.pending:
                for start in range(0, len(data or b""), SECTOR):
                    if chance.random() < 0.5:
                        _apply(found, (offset + start, (data or b"")[start : start + SECTOR]))
        return bytes(found)


def _apply(content: bytearray, operation: tuple[int, bytes | None]) -> None:
    offset, data = operation
    if data is None:
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


class ForgetfulDisk(apsw.VFS):
    """The VFS. ``on_operation`` is called before each write and sync, with the lock held: the moments to cut."""

    def __init__(self, name: str) -> None:
        self.images: dict[str, Image] = {}
        self.lock = threading.Lock()
        self.operations = 0
        self.on_operation = lambda: None
        self.vfs_name = name
        super().__init__(name, "unix")

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> ForgetfulFile:
        return ForgetfulFile(self, name, flags)

    def xDelete(self, name: str, syncdir: bool) -> None:
        with self.lock:
            self.images.pop(name, None)
        super().xDelete(name, syncdir)

    def count(self) -> None:
        """One more operation; the caller holds the lock."""
        self.operations += 1
        self.on_operation()

    def write_images(self, folder: Path, chance: random.Random | None) -> None:
        """Put down the files as they would be found after a cut at this moment; the caller holds the lock."""
        folder.mkdir(parents=True)
        for name, image in self.images.items():
            (folder / Path(name).name).write_bytes(image.after_cut(chance))


class ForgetfulFile(apsw.VFSFile):
    """One file on that disk."""

    def __init__(self, disk: ForgetfulDisk, name: apsw.URIFilename | str | None, flags: list[int]) -> None:
        self.disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        with disk.lock:
            self.image = disk.images.setdefault(path, Image()) if path else Image()
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        with self.disk.lock:
            self.disk.count()
            self.image.pending.append((offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        with self.disk.lock:
            self.image.pending.append((size, None))
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        with self.disk.lock:
            self.disk.count()
            self.image.sync()
