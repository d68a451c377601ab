"""Which mapping applies to which file: by the source's folder and the file pattern."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from countyfhir.mapping.record import RecordMapping, Source
from countyfhir.mapping.tree_path import TreePath


@dataclass(frozen=True, slots=True)
class Input:
    """A file and the mapping that reads it; a workbook has one input a sheet. ``name`` is what reports call it.
    ``others`` are the conditions of the other mappings that take records of this file; ``last``: it is read after
    them."""

    path: Path
    name: str
    mapping: RecordMapping
    others: tuple[TreePath, ...] = ()
    last: bool = True

    @property
    def label(self) -> str:
        """File, and sheet where there is one."""
        sheet = self.mapping.format.sheet
        return f"{self.name}!{sheet}" if sheet else self.name


@dataclass(frozen=True, slots=True)
class Inputs:
    """What will be read, in order, and the files that no mapping is for."""

    inputs: tuple[Input, ...]
    unmatched: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()


def discover(paths: Iterable[Path], sources: Sequence[Source], named: Mapping[str, Path] | None = None) -> Inputs:
    """The inputs below ``paths`` (files or folders). A file belongs to a source when a folder above it has the source's
    folder name, or when ``named`` (``--source NAME=folder``) says so."""
    folders = {folder.resolve(): name for name, folder in (named or {}).items()}
    found: list[Input] = []
    unmatched: list[str] = []
    used: dict[str, Source] = {}
    for path in files([*paths, *(named or {}).values()]):
        source, inside = owner(path, sources, folders)
        matches = [mapping for mapping in source.mappings if fits(inside, mapping.format.file)] if source else []
        if source and any(fits(inside, pattern) for pattern in source.ignore):
            continue
        if source is not None and not matches and memo_of_a_table(path, source):
            continue
        if source is None or not matches:
            unmatched.append(f"{source.name if source else path.parent.name}/{inside}")
            continue
        used[source.name] = source
        found += inputs_of(path, f"{source.name}/{inside}", matches)
    found.sort(key=lambda one: (one.mapping.order, one.mapping.name, one.name))
    return Inputs(tuple(found), tuple(unmatched), tuple(used.values()))


def memo_of_a_table(path: Path, source: Source) -> bool:
    """Whether a file holds the long texts of a DBF table beside it; it is read with the table."""
    tables = any(mapping.format.format == "dbf" for mapping in source.mappings)
    return tables and path.suffix.lower() in (".dbt", ".fpt")


def inputs_of(path: Path, name: str, mappings: Sequence[RecordMapping]) -> list[Input]:
    """One input a mapping; those that divide the records of the file between them know of each other."""
    dividing = sorted((one for one in mappings if one.format.only), key=lambda one: (one.order, one.name))
    others = tuple(one.format.only for one in dividing if one.format.only)
    whole = [Input(path, name, one) for one in mappings if not one.format.only]
    return whole + [Input(path, name, one, others, one is dividing[-1]) for one in dividing]


def files(paths: Iterable[Path]) -> list[Path]:
    """All files below the paths, each once, in order of their names; hidden ones are left out."""
    found: dict[Path, None] = {}
    for path in paths:
        listed = sorted(path.rglob("*")) if path.is_dir() else [path]
        for one in listed:
            if one.is_file() and not one.name.startswith("."):
                found[one.resolve()] = None
    return list(found)


def owner(path: Path, sources: Sequence[Source], folders: Mapping[Path, str]) -> tuple[Source | None, str]:
    """The source of a file, and the file's path inside the source's folder."""
    for parent in path.parents:
        wanted = folders.get(parent)
        for source in sources:
            if source.name == wanted or (wanted is None and source.folder == parent.name):
                return source, path.relative_to(parent).as_posix()
    return None, path.name


def fits(inside: str, pattern: str) -> bool:
    """Whether a pattern means the file: by its name, or by its path inside the source where the pattern has a slash;
    several patterns stand between bars."""
    name = inside.rpartition("/")[2]
    return any(fnmatchcase(inside if "/" in one else name, one) for one in pattern.split("|"))
