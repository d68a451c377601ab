"""Which mapping applies to which file: by the source's folder and the file pattern."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from countyfhir.mapping.record import RecordMapping, Source


@dataclass(frozen=True, slots=True)
class Input:
    """A file and the mapping that reads it; a workbook has one input a sheet. ``name`` is what reports call it."""

    path: Path
    name: str
    mapping: RecordMapping

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
        source = owner(path, sources, folders)
        matches = [mapping for mapping in source.mappings if fits(path, mapping)] if source else []
        if source and any(fnmatchcase(path.name, pattern) for pattern in source.ignore):
            continue
        if source is None or not matches:
            unmatched.append(f"{path.parent.name}/{path.name}")
            continue
        used[source.name] = source
        found += [Input(path, f"{source.name}/{path.name}", mapping) for mapping in matches]
    found.sort(key=lambda one: (one.mapping.order, one.mapping.name, one.name))
    return Inputs(tuple(found), tuple(unmatched), tuple(used.values()))


def files(paths: Iterable[Path]) -> list[Path]:
    """All files below the paths, each once, in order of their names; hidden ones are left out."""
    found: dict[Path, None] = {}
    for path in paths:
        listed = sorted(path.rglob("*")) if path.is_dir() else [path]
        for one in listed:
            if one.is_file() and not one.name.startswith("."):
                found[one.resolve()] = None
    return list(found)


def owner(path: Path, sources: Sequence[Source], folders: Mapping[Path, str]) -> Source | None:
    for parent in path.parents:
        wanted = folders.get(parent)
        for source in sources:
            if source.name == wanted or (wanted is None and source.folder == parent.name):
                return source
    return None


def fits(path: Path, mapping: RecordMapping) -> bool:
    return fnmatchcase(path.name, mapping.format.file)
