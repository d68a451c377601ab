"""Archives (.zip, .tar, .tar.gz, .tgz, .gz) as inputs: unpacked safely, and read like the files themselves."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, cast

from countyfhir.intake.inputs import Inputs, discover, files
from countyfhir.mapping.record import Source

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".gz")
DEEPEST = 3
MOST_FILES = 200_000
MOST_BYTES = 200 << 30
"""What one archive may hold, unpacked."""
SWOLLEN = 1000
"""A file that becomes so many times longer, and longer than a piece of 64 MiB, is made to fill the disk."""
PIECE = 1 << 20
FEW = 64 << 20
UTF8_NAMES = 0x800
"""The flag of a ZIP entry whose name is UTF-8 (APPNOTE 4.4.4, bit 11)."""


class Unusable(ValueError):
    """The archive cannot be unpacked; the message says why."""


@dataclass(slots=True)
class Budget:
    """What may still be unpacked."""

    files: int = MOST_FILES
    length: int = MOST_BYTES

    def take(self, length: int) -> None:
        """Spends bytes; Unusable when there are too many."""
        self.length -= length
        if self.length < 0:
            raise Unusable("it holds more than may be unpacked")

    def take_file(self) -> None:
        """Spends a file."""
        self.files -= 1
        if self.files < 0:
            raise Unusable("it holds more files than may be unpacked")


@dataclass(slots=True)
class Unpacked:
    """``folders`` hold what came out of archives, in the order of the archives; ``problems`` say which could not be
    unpacked and why; ``archives`` are the files that were looked into."""

    folders: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    archives: set[Path] = field(default_factory=set)


def is_archive(path: Path) -> bool:
    """Whether the name says that it is one."""
    return path.name.lower().endswith(SUFFIXES)


def discover_unpacked(
    paths: Iterable[Path],
    sources: Sequence[Source],
    named: Mapping[str, Path],
    into: Path,
    only: frozenset[Path] | None = None,
) -> Inputs:
    """``discover``, with the files in archives as if they lay in the archive's folder (``only`` these files and
    archives). Archives that cannot be unpacked are told among the files that no mapping is for."""
    own = {one.name: one.folder for one in sources}
    owners = {folder.resolve(): own[name] for name, folder in named.items() if name in own}
    wanted = [one for one in files([*paths, *named.values()]) if only is None or one in only]
    done = unpack(wanted, into, owners)
    found = discover([*paths, *done.folders], sources, named)
    chosen = [one for one in found.inputs if one.path not in done.archives and only_these(one.path, into, only)]
    others = [name for name in found.unmatched if only is None and not is_archive(Path(name))]
    used = {one.mapping.source for one in chosen}
    told = tuple(one for one in found.sources if one.name in used)
    return Inputs(tuple(chosen), (*others, *done.problems), told)


def only_these(path: Path, into: Path, only: frozenset[Path] | None) -> bool:
    """Whether a file is one of them, or came out of an archive."""
    return only is None or path in only or path.is_relative_to(into.resolve())


def unpack(paths: Iterable[Path], into: Path, owners: Mapping[Path, str] | None = None) -> Unpacked:
    """Unpacks every archive among the files into a folder of its own below ``into``. The folders above it are kept, so
    that its files belong to the source whose folder it lies in; ``owners`` says it of folders with other names."""
    done, into = Unpacked(), into.resolve()
    for number, path in enumerate(one for one in paths if is_archive(one)):
        done.archives.add(path)
        named = next((owners[parent] for parent in path.parents if parent in owners), None) if owners else None
        kept = [named] if named else [part for part in path.parts[-4:-1] if part != path.anchor]
        try:
            open_up(path, into.joinpath(str(number), *kept, path.name), Budget(), 1)
        except (Unusable, OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error, RuntimeError) as error:
            reason = str(error) if isinstance(error, Unusable) else "it is damaged, cut off or encrypted"
            done.problems.append(f"{path.parent.name}/{path.name} ({reason})")
            shutil.rmtree(into / str(number), ignore_errors=True)
            continue
        done.folders.append(into / str(number))
    return done


def open_up(path: Path, folder: Path, budget: Budget, depth: int) -> None:
    """Unpacks one archive, and the archives in it."""
    if depth > DEEPEST:
        raise Unusable("archives lie in it too deep")
    folder.mkdir(parents=True, exist_ok=True)
    name = path.name.lower()
    entries = zipped(path) if name.endswith(".zip") else lone(path) if lone_name(name) else taped(path)
    for inner, packed, content in entries:
        with content:
            store(content, place(folder, inner), packed, budget)
    for inner_path in [one for one in folder.rglob("*") if one.is_file() and is_archive(one)]:
        beside = inner_path.with_name(inner_path.name + ".content")
        open_up(inner_path, beside, budget, depth + 1)
        inner_path.unlink()


def lone_name(name: str) -> bool:
    return name.endswith(".gz") and not name.endswith(".tar.gz")


Entries = Iterator[tuple[str, int, IO[bytes]]]
"""Name inside the archive, bytes it takes there (0: not known), content."""


def zipped(path: Path) -> Entries:
    """The files of a ZIP. A name that is not marked as UTF-8 is read as GB 18030, as Chinese Windows writes it."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.is_dir() or (entry.external_attr >> 28) == 0xA:  # a symbolic link
                continue
            name = entry.filename
            if not entry.flag_bits & UTF8_NAMES:
                try:
                    name = name.encode("cp437").decode("gb18030")
                except UnicodeError:
                    name = entry.filename
            yield name, max(entry.compress_size, 1), archive.open(entry)


def taped(path: Path) -> Entries:
    """The files of a tar; links and devices are passed over."""
    with tarfile.open(path, "r:*", encoding="utf-8", errors="surrogateescape") as archive:
        for entry in archive:
            content = archive.extractfile(entry) if entry.isreg() else None
            if content is not None:
                name = entry.name.encode("utf-8", "surrogateescape")
                yield decoded(name), 0, content


def decoded(name: bytes) -> str:
    """A file name as UTF-8, else as GB 18030."""
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("gb18030", "replace")


def lone(path: Path) -> Entries:
    """The one file of a .gz, under its name without the ending."""
    yield path.name[:-3], path.stat().st_size, cast("IO[bytes]", gzip.open(path))  # noqa: SIM115 - its reader closes it


def place(folder: Path, name: str) -> Path:
    """Where an entry belongs below the folder. Unusable for a name that leads elsewhere."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or "\0" in name or any(part in ("..", "/") or part.endswith(":") for part in parts):
        raise Unusable("the name of a file in it leads out of the archive")
    return folder.joinpath(*parts)


def store(content: IO[bytes], path: Path, packed: int, budget: Budget) -> None:
    """Writes the content, a piece at a time."""
    budget.take_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    length = 0
    with path.open("xb") as out:
        while piece := content.read(PIECE):
            length += len(piece)
            budget.take(len(piece))
            if packed and length > FEW and length > packed * SWOLLEN:
                raise Unusable("a file in it is packed far too tightly to be real")
            out.write(piece)
