"""Files of a release: single ones, members of a zip, or files below a folder; read as rows, with progress."""

from __future__ import annotations

import codecs
import csv
import io
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from countyfhir.terminology.importing.order import ImportProblem, Tell

ROWS_BETWEEN = 2_000
_SAMPLE = 1 << 20
csv.field_size_limit(min(sys.maxsize, 1 << 24))


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a release: its name with folders, its size in bytes, and where it lies."""

    name: str
    size: int
    path: Path
    inside: bool = False


def members(path: Path) -> list[Member]:
    """Every file of a zip or a folder; of a single file that file."""
    if path.is_dir():
        found = [one for one in sorted(path.rglob("*")) if one.is_file()]
        return [Member(str(one.relative_to(path)), one.stat().st_size, one) for one in found]
    if not path.exists():
        raise ImportProblem(f"{path} is not there")
    if zipfile.is_zipfile(path) and path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as packed:
            return [Member(one.filename, one.file_size, path, True) for one in packed.infolist() if not one.is_dir()]
    return [Member(path.name, path.stat().st_size, path)]


def named(found: Sequence[Member], pattern: str) -> list[Member]:
    """The members whose name fits a pattern, in any case."""
    wanted = re.compile(pattern, re.IGNORECASE)
    return [one for one in found if wanted.search(one.name)]


@contextmanager
def opened(member: Member) -> Iterator[IO[bytes]]:
    """The bytes of a member."""
    if member.inside:
        with zipfile.ZipFile(member.path) as packed, packed.open(member.name) as stream:
            yield stream
    else:
        with member.path.open("rb") as stream:
            yield stream


class Meter:
    """Tells how far the reading of several files has come."""

    def __init__(self, tell: Tell, total: int) -> None:
        self._tell, self._total, self._before = tell, max(total, 1), 0

    def at(self, position: int) -> None:
        """So much of the file that is read now."""
        self._tell(min(self._before + position, self._total), self._total)

    def finished(self, member: Member) -> None:
        """A file is read."""
        self._before += member.size
        self.at(0)


def encoding_of(member: Member) -> str:
    """UTF-8 where the first megabyte is, else GB18030; ImportProblem for neither."""
    with opened(member) as stream:
        sample = stream.read(_SAMPLE)
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            codecs.getincrementaldecoder(encoding)().decode(sample, final=len(sample) < _SAMPLE)
        except UnicodeDecodeError:
            continue
        return encoding
    raise ImportProblem(f"{member.name} is neither UTF-8 nor GB18030: name its --encoding")


def delimited(member: Member, meter: Meter, encoding: str | None = None) -> Iterator[list[str]]:
    """The rows of a file with commas, tabs, semicolons or bars between quoted cells, the header first."""
    kind = encoding or encoding_of(member)
    try:
        with opened(member) as stream, io.TextIOWrapper(stream, kind, newline="") as lines:
            first = lines.readline()
            sign = max(",\t;|", key=first.count)
            yield next(csv.reader([first], delimiter=sign), [])
            for number, row in enumerate(csv.reader(lines, delimiter=sign)):
                if number % ROWS_BETWEEN == 0:
                    meter.at(stream.tell())
                yield row
    except UnicodeDecodeError as error:
        raise ImportProblem(f"{member.name} is not {kind} to its end: {error.reason}; name its --encoding") from error
    except csv.Error as error:
        raise ImportProblem(f"{member.name} is no table of cells: {error}") from error
    meter.finished(member)


def tabbed(member: Member, meter: Meter) -> Iterator[list[str]]:
    """The rows of a file of RF2: tabs, no quotes, UTF-8, the header first."""
    try:
        with opened(member) as stream, io.TextIOWrapper(stream, "utf-8-sig", newline="") as lines:
            for number, line in enumerate(lines):
                if number % ROWS_BETWEEN == 0:
                    meter.at(stream.tell())
                yield line.rstrip("\r\n").split("\t")
    except UnicodeDecodeError as error:
        raise ImportProblem(f"{member.name} is not UTF-8: {error.reason}") from error
    meter.finished(member)


def positions(header: Sequence[str], names: Sequence[str], member: Member) -> list[int]:
    """Where columns stand; ImportProblem names those that are missing."""
    found = {name.strip().lower(): place for place, name in enumerate(header)}
    if missing := [name for name in names if name.lower() not in found]:
        raise ImportProblem(f"{member.name} has no column {', '.join(missing)}; it has {', '.join(header[:12])}")
    return [found[name.lower()] for name in names]
