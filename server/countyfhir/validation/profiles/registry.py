"""The profiles that are known: R4's own, those of folders, those that are stored, by canonical and version; compiled
when they are first asked for (R4 section 2.25.0.4, canonical references)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import cache, cached_property
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from countyfhir.exchange import Resource
from countyfhir.model import json
from countyfhir.model.definitions import definitions
from countyfhir.model.library import base_lines
from countyfhir.validation.profiles.element_tree import Element, tree_of
from countyfhir.validation.profiles.snapshot import TYPES, NoSnapshot, StructureDefinition, snapshot

if TYPE_CHECKING:
    from countyfhir.validation.profiles.checks import Checks, ProfileCheck
    from countyfhir.validation.rules.finding import Around, Finding

BASE_ID = re.compile(rb'\{"resourceType":"StructureDefinition","id":"([^"]+)"')
FOREIGN = ("capabilities", "oauth-uris")
"""R4's definitions whose canonical is not the ordinary one with their id."""
MOST_MADE = 256
"""Definitions with snapshots that are kept while others are compiled."""
FOREIGN_BASE = "http://fhir-registry.smarthealthit.org/StructureDefinition/"


@cache
def r4() -> dict[str, bytes]:
    """R4's definitions by canonical, each as compressed text (3 MB in all), read once a process."""
    found = {}
    for line in base_lines(("StructureDefinition",)):
        match = BASE_ID.match(line)
        name = match[1].decode() if match else ""
        found[(FOREIGN_BASE if name in FOREIGN else TYPES) + name] = zlib.compress(line, 1)
    return found


class Profiles:
    """All profiles of a process; threads may share it.

    What is added later takes the place of what has the same canonical and version; a canonical without version means
    the newest that was added. Files of ``folders`` are read when the first profile is asked for. ``generation`` counts
    the changes. ``unknown_extensions`` is the severity of an extension that is not known, ``off`` to say nothing.
    """

    def __init__(
        self,
        structures: Iterable[StructureDefinition] = (),
        folders: Iterable[Path] = (),
        *,
        unknown_extensions: str = "information",
    ) -> None:
        self._lock = RLock()
        self._added: dict[str, dict[str, bytes]] = {}
        self._stored: dict[str, tuple[str, str]] = {}
        self._made: dict[str, StructureDefinition] = {}
        self._making: set[str] = set()
        self.generation = 0
        self._unknown = None if unknown_extensions == "off" else unknown_extensions
        for one in structures:
            self.add(one)
        self._folders = tuple(folders)

    @cached_property
    def _files(self) -> dict[str, dict[str, bytes]]:
        """Those of the folders, by canonical and version."""
        found: dict[str, dict[str, bytes]] = {}
        from countyfhir.validation.profiles import folder

        for one in folder.structures(self._folders):
            found.setdefault(str(one.get("url")), {})[str(one.get("version", ""))] = packed(one)
        return found

    def add(self, structure: StructureDefinition) -> None:
        """Know a StructureDefinition from now on; what was made with others of its name is made anew."""
        url = structure.get("url")
        if not isinstance(url, str):
            return
        with self._lock:
            versions = self._added.setdefault(url, {})
            version = str(structure.get("version", ""))
            versions.pop(version, None)
            versions[version] = packed(structure)
            self._forget_made()

    def remove(self, url: str, version: str | None = None) -> None:
        """Forget an added StructureDefinition, one version of it or all."""
        with self._lock:
            versions = self._added.get(url, {})
            for one in list(versions) if version is None else [version]:
                versions.pop(one, None)
            if not versions:
                self._added.pop(url, None)
            self._forget_made()

    def stored(self, resource_type: str, logical_id: str, resource: StructureDefinition | None) -> None:
        """Know what is stored under an id now (None: nothing any more). R4's own definitions are known anyway."""
        with self._lock:
            before = self._stored.pop(logical_id, None)
            if before is not None:
                self.remove(*before)
            if resource is None or not isinstance(resource.get("url"), str) or is_r4(resource):
                return
            self._stored[logical_id] = resource["url"], str(resource.get("version", ""))
            self.add(resource)

    def _forget_made(self) -> None:
        self.generation += 1
        self._made.clear()
        self.__dict__.pop("checks", None)

    def urls(self) -> list[str]:
        """The canonicals of everything that was added or lies in the folders."""
        return sorted({*self._added, *self._files})

    def stated(self, canonical: str) -> StructureDefinition | None:
        """The StructureDefinition as it was given; None for one that is not known."""
        url, _, version = canonical.partition("|")
        for known in (self._added, self._files):
            versions = known.get(url, {})
            text = next(reversed(versions.values())) if versions and not version else _of_version(versions, version)
            if text is not None:
                return unpacked(text)
        if url in r4() and version in ("", "4.0", "4.0.1"):
            return unpacked(r4()[url])
        return None

    def structure(self, canonical: str) -> StructureDefinition | None:
        """The StructureDefinition with a snapshot, made where it has none. NoSnapshot where it cannot be made."""
        made = self._made.get(canonical)
        if made is not None:
            return made
        with self._lock:
            found = self.stated(canonical)
            if found is not None and "snapshot" not in found:
                if canonical in self._making:
                    raise NoSnapshot(f"{canonical} derives from itself.")
                self._making.add(canonical)
                try:
                    found = snapshot(found, self.structure)
                finally:
                    self._making.discard(canonical)
            if found is not None:
                if len(self._made) >= MOST_MADE:
                    self._made.clear()
                self._made[canonical] = found
            return found

    def tree(self, url: str) -> Element | None:
        """The snapshot of a canonical as a tree; None where there is none."""
        try:
            found = self.structure(url)
            return tree_of(found["snapshot"]["element"]) if found else None
        except (NoSnapshot, ValueError):
            return None

    def type_of(self, url: str) -> str | None:
        """The type that a canonical constrains; None for one that is not known."""
        name = url.removeprefix(TYPES)
        if name in definitions().types:
            return name
        found = self.stated(url)
        return str(found["type"]) if found and "type" in found else None

    @cached_property
    def checks(self) -> Checks:
        """The checks of the present definitions; what they need is imported only now."""
        from countyfhir.validation.profiles.checks import Checks

        return Checks(self)

    def profile_check(self, url: str) -> ProfileCheck | None:
        """What checks a profile; None for one that is not known. One that cannot be used says so of every resource."""
        return self.checks.profile_check(url)

    def extension_findings(self, resource: Resource, around: Around) -> list[Finding]:
        """What is wrong with the extensions of a resource: unknown modifiers, wrong places, values against their
        definitions, and as much as ``unknown_extensions`` says of those that are not known."""
        return self.checks.extension_findings(resource, around, self._unknown)

    def conforms_to(self, around: Around) -> Callable[[Any, str], bool | None]:
        """FHIRPath's conformsTo(): true or false, None for a profile that is not known."""
        return self.checks.conforms_to(around)

    def __iter__(self) -> Iterator[StructureDefinition]:
        """Everything that was added or lies in the folders, as it was given."""
        for known in (self._added, self._files):
            for versions in list(known.values()):
                yield from map(unpacked, versions.values())


def is_r4(structure: StructureDefinition) -> bool:
    """Whether a definition is one of R4's own."""
    return str(structure.get("url")).startswith(TYPES) and structure.get("version") == "4.0.1"


def _of_version(versions: dict[str, bytes], wanted: str) -> bytes | None:
    """The version wanted, else the newest added that begins with its parts (``4.0`` takes 4.0.1)."""
    found = versions.get(wanted)
    begun = (one for key, one in reversed(versions.items()) if key.startswith(f"{wanted}."))
    return found if found is not None or not wanted else next(begun, None)


def packed(structure: StructureDefinition) -> bytes:
    """A definition as it is kept: thousands may be known, and few are used."""
    return zlib.compress(json.dumps(structure), 1)


def unpacked(text: bytes) -> StructureDefinition:
    """The definition again."""
    return json.parse(zlib.decompress(text))
