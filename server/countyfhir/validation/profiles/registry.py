"""The profiles that are known: R4's own, those of folders, those that are stored, by canonical and version; compiled
when they are first asked for (R4 section 2.25.0.4, canonical references)."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from threading import RLock
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.fhirpath.schema import is_a
from countyfhir.model.definitions import definitions
from countyfhir.model.library import base_lines
from countyfhir.validation.profiles.compiling import Compiling
from countyfhir.validation.profiles.element_check import Check
from countyfhir.validation.profiles.element_tree import Element, tree_of
from countyfhir.validation.profiles.snapshot import TYPES, NoSnapshot, StructureDefinition, snapshot
from countyfhir.validation.profiles.spot import Run, Spot, errors
from countyfhir.validation.rules.finding import Around, Finding

BASE_ID = re.compile(rb'\{"resourceType":"StructureDefinition","id":"([^"]+)"')
FOREIGN = ("capabilities", "oauth-uris")
"""R4's definitions whose canonical is not the ordinary one with their id."""
FOREIGN_BASE = "http://fhir-registry.smarthealthit.org/StructureDefinition/"


@dataclass(frozen=True, slots=True)
class ProfileCheck:
    """What checks one profile; call it with a resource or value and what is around it."""

    url: str
    type_name: str
    abstract: bool
    check: Check

    def __call__(self, value: Any, around: Around, *, must_support: bool = False) -> list[Finding] | None:
        """Everything in which the value does not conform; None when it does. ``must_support``: also information on
        mustSupport elements that are not there."""
        type_name = str(value.get("resourceType", self.type_name)) if isinstance(value, dict) else self.type_name
        return self.findings(Spot(value, None, type_name), Run(around, supported=must_support))

    def findings(self, spot: Spot, run: Run) -> list[Finding] | None:
        """The same for a value of a resource that is being checked."""
        if not is_a(spot.type_name, self.type_name):
            text = f"The profile {self.url} is for {self.type_name}, not for {spot.type_name}."
            return [Finding("", "structure", text, "error", self.url)]
        mark = (id(spot.value), self.url)
        if mark in run.open:
            return None
        run.open.add(mark)
        try:
            return self.check.findings(spot, run)
        finally:
            run.open.discard(mark)


class Profiles:
    """All profiles of a process; threads may share it.

    What is added later takes the place of what has the same canonical and version; a canonical without version means
    the newest that was added. ``generation`` counts the changes.
    """

    def __init__(self, structures: Iterable[StructureDefinition] = ()) -> None:
        self._lock = RLock()
        self._added: dict[str, dict[str, StructureDefinition]] = {}
        self._made: dict[str, StructureDefinition] = {}
        self._checks: dict[str, ProfileCheck] = {}
        self._making: set[str] = set()
        self.generation = 0
        for one in structures:
            self.add(one)

    @cached_property
    def _base(self) -> dict[str, bytes]:
        """R4's definitions by canonical, each as compressed text (3 MB in all)."""
        found = {}
        for line in base_lines(("StructureDefinition",)):
            match = BASE_ID.match(line)
            name = match[1].decode() if match else ""
            found[(FOREIGN_BASE if name in FOREIGN else TYPES) + name] = zlib.compress(line, 1)
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
            versions[version] = structure
            self._forget_made()

    def remove(self, url: str, version: str | None = None) -> None:
        """Forget an added StructureDefinition, one version of it or all."""
        with self._lock:
            versions = self._added.get(url, {})
            for one in [version or ""] if version is not None else list(versions):
                versions.pop(one, None)
            if not versions:
                self._added.pop(url, None)
            self._forget_made()

    def _forget_made(self) -> None:
        self.generation += 1
        self._made.clear()
        self._checks.clear()

    def urls(self) -> list[str]:
        """The canonicals of everything that was added."""
        return sorted(self._added)

    def stated(self, canonical: str) -> StructureDefinition | None:
        """The StructureDefinition as it was given; None for one that is not known."""
        url, _, version = canonical.partition("|")
        versions = self._added.get(url)
        if versions:
            if not version:
                return next(reversed(versions.values()))
            return versions.get(version) or _of_version(versions, version)
        if url in self._base and version in ("", "4.0", "4.0.1"):
            loaded: StructureDefinition = json.loads(zlib.decompress(self._base[url]), parse_float=Decimal)
            return loaded
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

    def profile_check(self, url: str) -> ProfileCheck | None:
        """What checks a profile; None for one that is not known. NoSnapshot where it cannot be used."""
        found = self._checks.get(url)
        if found is not None:
            return found
        with self._lock:
            structure = self.structure(url)
            if structure is None:
                return None
            made = self._compiled(url, structure)
            self._checks[url] = made
            return made

    def _compiled(self, url: str, structure: StructureDefinition) -> ProfileCheck:
        type_name = str(structure.get("type", "")).removeprefix(TYPES)
        if type_name not in definitions().types:
            raise NoSnapshot(f"{url} is for {type_name}, which is no type of FHIR R4.")
        try:
            tree = tree_of(structure.get("snapshot", {}).get("element", ()))
        except ValueError as problem:
            raise NoSnapshot(f"The snapshot of {url} cannot be read: {problem}.") from None
        check = Compiling(str(structure.get("url", url)), self).root(tree)
        abstract = bool(structure.get("abstract")) and structure.get("derivation") == "constraint"
        return ProfileCheck(url, type_name, abstract, check)

    def value_findings(self, url: str, spot: Spot, run: Run) -> list[Finding] | None:
        """What a profile finds in a value of a resource that is being checked; KeyError for one that is not known."""
        try:
            check = self.profile_check(url)
        except NoSnapshot as problem:
            return [Finding("", "processing", f"The profile cannot be used: {problem}", "warning", url)]
        if check is None:
            raise KeyError(url)
        return check.findings(spot, run)

    @property
    def conforms_of(self) -> Callable[[str, Resource, Run], list[Finding] | None]:
        """What a profile finds in the target of a reference."""
        return lambda url, resource, run: self.value_findings(
            url, Spot(resource, None, str(resource.get("resourceType"))), _at(resource, run)
        )

    def conforms(self, url: str, value: Any, type_name: str, run: Run) -> bool:
        """Whether a value conforms to a profile; a profile that is not known does not say no."""
        try:
            return not errors(self.value_findings(url, Spot(value, None, type_name), run))
        except KeyError:
            return True

    def conforms_to(self, around: Around) -> Callable[[Any, str], bool | None]:
        """FHIRPath's conformsTo(): true or false, None for a profile that is not known."""

        def conforms(value: Any, url: str) -> bool | None:
            type_name = str(value.get("resourceType", "Element")) if isinstance(value, dict) else "Element"
            try:
                return not errors(self.value_findings(url, Spot(value, None, type_name), Run(around)))
            except KeyError:
                return None

        return conforms

    def __iter__(self) -> Iterator[StructureDefinition]:
        """Everything that was added, as it was given."""
        for versions in list(self._added.values()):
            yield from versions.values()


def _of_version(versions: dict[str, StructureDefinition], wanted: str) -> StructureDefinition | None:
    """The newest added whose version begins with the wanted parts (``4.0`` takes 4.0.1)."""
    return next((one for key, one in reversed(versions.items()) if key.startswith(f"{wanted}.")), None)


def _at(resource: Resource, run: Run) -> Run:
    """The same run, around the target of a reference."""
    around = run.around
    inside = any(one is resource for one in around.root.get("contained", ()))
    root = around.root if inside else resource
    return Run(Around(resource, root, around.knowledge, around.given), run.open, run.supported)
