"""Profiles compiled to checks when first asked for: of resources, of values, of extensions (R4 section 5.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING, Any

from countyfhir.exchange import Resource
from countyfhir.fhirpath.schema import is_a
from countyfhir.model.definitions import definitions
from countyfhir.validation.profiles import extensions
from countyfhir.validation.profiles.compiling import Compiling
from countyfhir.validation.profiles.contexts import contexts_of
from countyfhir.validation.profiles.element_check import Check
from countyfhir.validation.profiles.element_tree import Element, tree_of
from countyfhir.validation.profiles.extensions import KnownExtension
from countyfhir.validation.profiles.snapshot import TYPES, NoSnapshot, StructureDefinition
from countyfhir.validation.profiles.spot import Judge, Run, Spot, errors
from countyfhir.validation.profiles.targets import contained_in
from countyfhir.validation.rules.finding import Around, Finding

if TYPE_CHECKING:
    from countyfhir.validation.profiles.registry import Profiles

MOST_EXTENSIONS = 4096
"""Urls whose definition, or lack of one, is remembered: clients can send any."""


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
        if self.type_name != "Element" and not is_a(spot.type_name, self.type_name):
            text = f"The profile {self.url} is for {self.type_name}, not for {spot.type_name}."
            return [Finding("", "structure", text, "error", self.url)]
        if isinstance(spot.value, dict) and "resourceType" in spot.value and spot.value is not run.around.resource:
            run = _at(spot.value, run)
        mark = (id(spot.value), self.url)
        if mark in run.open:
            return None
        run.open.add(mark)
        try:
            return self.check.findings(spot, run)
        finally:
            run.open.discard(mark)


class Checks:
    """The checks of the present definitions; a change of those makes others."""

    def __init__(self, structures: Profiles) -> None:
        self.structures = structures
        self._lock = RLock()
        self._checks: dict[str, ProfileCheck] = {}
        self._extensions: dict[str, KnownExtension | None] = {}

    def tree(self, url: str) -> Element | None:
        """The snapshot of a canonical as a tree; None where there is none."""
        return self.structures.tree(url)

    @property
    def type_of(self) -> Callable[[str], str | None]:
        """The type that a canonical constrains."""
        return self.structures.type_of

    def profile_check(self, url: str) -> ProfileCheck | None:
        """What checks a profile; None for one that is not known. One that cannot be used says so of every resource."""
        try:
            return self.usable(url)
        except NoSnapshot as problem:
            text = f"The profile {url} cannot be used: {problem}"
            return ProfileCheck(
                url, "Element", False, Check(url, (says(Finding("", "processing", text, "error", url)),))
            )

    def usable(self, url: str) -> ProfileCheck | None:
        """The same, but NoSnapshot for one that cannot be used."""
        found = self._checks.get(url)
        if found is not None:
            return found
        with self._lock:
            structure = self.structures.structure(url)
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

    def extension(self, url: str) -> KnownExtension | None:
        """The definition of an extension; None for one that is not known or cannot be used."""
        if url in self._extensions:
            return self._extensions[url]
        try:
            check = self.usable(url)
        except NoSnapshot:
            check = None
        found = None
        if check is not None and check.type_name == "Extension":
            structure = self.structures.structure(url) or {}
            is_modifier = bool(structure["snapshot"]["element"][0].get("isModifier"))
            found = KnownExtension(url, contexts_of(structure), is_modifier, check.findings)
        if len(self._extensions) < MOST_EXTENSIONS:
            self._extensions[url] = found
        return found

    def extension_findings(
        self, resource: Resource, around: Around, unknown: str | None = "information"
    ) -> list[Finding]:
        """What is wrong with the extensions of a resource (``extensions.findings``)."""
        return extensions.findings(resource, around, self.extension, unknown)

    def value_findings(self, url: str, spot: Spot, run: Run) -> list[Finding] | None:
        """What a profile finds in a value of a resource that is being checked; KeyError for one that is not known."""
        check = self.profile_check(url)
        if check is None:
            raise KeyError(url)
        return check.findings(spot, run)

    @property
    def conforms_of(self) -> Callable[[str, Resource, Run], list[Finding] | None]:
        """What a profile finds in the target of a reference."""
        return lambda url, resource, run: self.value_findings(
            url, Spot(resource, None, str(resource.get("resourceType"))), run
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


def says(finding: Finding) -> Judge:
    """A judge that always finds the same."""
    return lambda spot, run: [finding]


def _at(resource: Resource, run: Run) -> Run:
    """The same run, around a resource that is another's: its target, its entry, its contained one."""
    around = run.around
    inside = any(one is resource for one in contained_in(around.root))
    root = around.root if inside else resource
    return Run(Around(resource, root, around.knowledge, around.given), run.open, run.supported)
