"""What is in a package file: manifest and resources, read without unpacking (FHIR NPM Package Specification)."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.model import json
from countyfhir.model.definitions import definitions
from countyfhir.outcome import FhirError

LARGEST_FILE = 128 * 1024 * 1024
LARGEST_WHOLE = 4 * 1024 * 1024 * 1024
MOST_FILES = 200_000
MANIFEST = PurePosixPath("package/package.json")
CORE = "hl7.fhir.r4.core"
"""The package that every server has: R4 itself."""
EXAMPLES = ("example", "examples", "tests")
"""Folders of a package that hold examples."""
BESIDE = ("other", "openapi", "xml", "rdf", "bin")
"""Folders of a package that hold no resources to load."""


class PackageError(Exception):
    """A package cannot be read or taken; the message names the file and says why."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a package says of itself: name, version, the FHIR versions it is for, what it depends on."""

    path: Path
    name: str
    version: str
    title: str = ""
    canonical: str = ""
    fhir_versions: tuple[str, ...] = ()
    dependencies: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """NAME@VERSION."""
        return f"{self.name}@{self.version}"


def manifest(path: Path) -> Manifest:
    """The manifest of a package file; PackageError where it has none or is not for R4."""
    for name, text in files(path):
        if name == MANIFEST:
            return _manifest(path, _parsed(path, name, text))
    raise PackageError(f"{path} is no FHIR package: it has no package/package.json")


def _manifest(path: Path, said: dict[str, Any]) -> Manifest:
    name, version = said.get("name"), said.get("version")
    if not isinstance(name, str) or not isinstance(version, str) or not name or not version:
        raise PackageError(f"{path}: package.json has no name or version")
    found = said.get("fhirVersions") or said.get("fhir-version-list") or ()
    versions = tuple(str(one) for one in found) if isinstance(found, (list, tuple)) else (str(found),)
    if versions and not any(one.startswith("4.0") for one in versions):
        raise PackageError(f"{path}: {name}@{version} is for FHIR {', '.join(versions)}, this server is for 4.0.1")
    needs = said.get("dependencies")
    dependencies = {str(key): str(value) for key, value in needs.items()} if isinstance(needs, dict) else {}
    dependencies.pop(CORE, None)
    return Manifest(
        path, name, version, str(said.get("title", "")), str(said.get("canonical", "")), versions, dependencies
    )


def resources(path: Path, *, examples: bool) -> Iterator[Resource]:
    """The resources of a package that R4 has endpoints for, in the order of the file; those of its example folders
    only when asked for. PackageError for a file that is not JSON."""
    for name, text in files(path):
        folders = name.parts[1:-1]
        if name.suffix != ".json" or name == MANIFEST or name.name.startswith(".") or set(folders) & set(BESIDE):
            continue
        if set(folders) & set(EXAMPLES) and not examples:
            continue
        found = _parsed(path, name, text)
        if isinstance(found, dict) and found.get("resourceType") in definitions().endpoint_types:
            yield found


def _parsed(path: Path, name: PurePosixPath, text: bytes) -> Any:
    try:
        return json.parse(text.removeprefix(b"\xef\xbb\xbf"))
    except FhirError as error:
        raise PackageError(f"{path}: {name} cannot be read: {error}") from None


def files(path: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    """(name, content) of the ordinary files of a package. PackageError for names that leave the package, links and
    devices, and for more or larger files than a package has."""
    count = whole = 0
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = _checked(path, member)
                count, whole = count + 1, whole + member.size
                if count > MOST_FILES or whole > LARGEST_WHOLE:
                    raise PackageError(f"{path} holds more than a package does; nothing was taken")
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    yield name, content.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise PackageError(f"{path} cannot be read as a package (.tgz): {error}") from None


def _checked(path: Path, member: tarfile.TarInfo) -> PurePosixPath:
    """The name of a member that may be read."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\\" in member.name:
        raise PackageError(f"{path} holds a file outside of the package; nothing was taken")
    if not (member.isfile() or member.isdir()):
        raise PackageError(f"{path} holds a link or device; nothing was taken")
    if member.size > LARGEST_FILE:
        raise PackageError(f"{path} holds a file of more than {LARGEST_FILE >> 20} MB; nothing was taken")
    return name
