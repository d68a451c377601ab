"""What the program knows of codes: the one door to code systems, value sets and concept maps (R4 section 4.6)."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.terminology import contents, listing, membership
from countyfhir.terminology.code_systems import CodeSystem
from countyfhir.terminology.concept_maps import Dependencies, Match, translated
from countyfhir.terminology.database import Database
from countyfhir.terminology.resolving import Kept, Resolver
from countyfhir.terminology.words import folded
from countyfhir.terminology.writer import Writer

MOST_ANSWERS = 65_536
MOST_TEXTS = 8_192
"""Answers to operations that are kept as they were sent."""


@dataclass(frozen=True, slots=True)
class CodeSet:
    """The codes of a value set for searching: whole systems, and (system, code) pairs of others."""

    whole_systems: frozenset[str]
    pairs: frozenset[tuple[str, str]]


class Terminology:
    """Code systems, value sets and concept maps. Every method may be called by any thread; look-ups take microseconds.
    ``close`` when done."""

    def __init__(
        self, database: Database, over: Sequence[Database] = (), folders: Sequence[Path] = (), prepared: bool = False
    ) -> None:
        self.database, self.folders = database, tuple(folders)
        self._prepared, self._preparing = prepared, threading.Lock()
        self.resolver = Resolver((*over, database), self.prepare)
        self.generation = 0
        self._answers: Kept[Any] = Kept(MOST_ANSWERS)
        self._overlaid: Kept[Terminology] = Kept(32)
        self.answers: Kept[bytes] = Kept(MOST_TEXTS)
        self.brought: Kept[list[dict[str, Any]]] = Kept(64)  # what requests brought, by their cache-id

    def prepare(self) -> None:
        """Take up R4's own content (0.2 s, once for each index) and what has changed in the folders. The first question
        does it; to do it before is quicker for who asks."""
        if self._prepared:
            return
        from countyfhir.terminology.files import registering  # YAML is not needed to start

        with self._preparing:
            if not self._prepared:
                contents.with_r4(self.database)
                registering.with_folders(self.database, self.folders)
                self._prepared = True

    def member(self, value_set: str, system: str | None, code: str) -> bool | None:
        """Whether a code is in the value set ``url`` or ``url|version``. None: the value set or a code system it hangs
        on is not known here, or it cannot be decided."""
        at = ("member", value_set, system, code)
        if at in self._answers:
            return self._answers[at]  # type: ignore[no-any-return]
        return self._answers.keep(at, self._member(value_set, system, code))  # type: ignore[no-any-return]

    def _member(self, value_set: str, system: str | None, code: str) -> bool | None:
        definition = self.resolver.value_set(value_set)
        if definition is None:
            return None
        try:
            return membership.contains(definition, system, code, self.resolver)
        except FhirError:
            return None

    def knows_code(self, system: str, code: str, version: str | None = None) -> bool | None:
        """Whether the code system has the code. None: the system, or all of its codes, are not known here."""
        found = self.resolver.code_system(system, version)
        if found is None or not found.present:
            return None
        if found.concept(code) is not None:
            return True
        return False if found.complete else None

    def display_matches(self, system: str, code: str, display: str) -> bool | None:
        """Whether a text is the display or a designation of a code, in any case and width. None: code not known."""
        texts = self.displays(system, code)
        if texts is None:
            return None
        wanted = folded(display)
        return any(folded(text) == wanted for text in texts)

    def displays(self, system: str, code: str) -> tuple[str, ...] | None:
        """The display and all designations of a code; None when it is not known."""
        found = self.resolver.code_system(system)
        concept = found.concept(code) if found is not None else None
        if found is None or concept is None:
            return None
        designated = (one.get("value") for one in found.designations(concept))
        return tuple(dict.fromkeys(text for text in (concept.display, *designated) if text))

    def codes(self, value_set: str) -> CodeSet | None:
        """All codes of a value set, for ``:in`` and ``:not-in``. None: not known here, or it cannot be listed."""
        at = ("codes", value_set)
        if at not in self._answers:
            definition = self.resolver.value_set(value_set)
            try:
                found = listing.code_set(definition, self.resolver) if definition is not None else None
            except FhirError:
                found = None
            self._answers.keep(at, CodeSet(*found) if found is not None else None)
        return self._answers[at]  # type: ignore[no-any-return]

    def below(self, system: str, code: str) -> frozenset[str] | None:
        """The code and everything below it. None: the code system is not known; a code it lacks has only itself."""
        return self._related(system, code, "descendants")

    def above(self, system: str, code: str) -> frozenset[str] | None:
        """The code and everything above it; as ``below``."""
        return self._related(system, code, "ancestors")

    def _related(self, system: str, code: str, direction: str) -> frozenset[str] | None:
        found = self.resolver.code_system(system)
        if not isinstance(found, CodeSystem) or not found.present:
            return None
        concept = found.concept(code)
        if concept is None:
            return frozenset((code,))
        return frozenset((concept.code, *(one.code for one in found.related(concept, direction))))

    def subsumes(self, system: str, a: str, b: str, version: str | None = None) -> str | None:
        """``equivalent``, ``subsumes`` (a stands above b), ``subsumed-by`` or ``not-subsumed``. None: the code system
        or one of the codes is not known."""
        found = self.resolver.code_system(system, version)
        first = found.concept(a) if found is not None else None
        second = found.concept(b) if found is not None else None
        if found is None or first is None or second is None:
            return None
        if first.code == second.code:
            return "equivalent"
        if isinstance(found, CodeSystem):
            if found.is_below(second.number, first.number):
                return "subsumes"
            if found.is_below(first.number, second.number):
                return "subsumed-by"
        return "not-subsumed"

    def translate(
        self,
        system: str,
        code: str,
        *,
        url: str | None = None,
        target: str | None = None,
        reverse: bool = False,
        dependencies: Dependencies | None = None,
    ) -> list[Match]:
        """What concept maps say of a code: the one of ``url`` (``url|version``), or all from its code system; only to
        the code system ``target``, where one is said. [] when none says anything."""
        found = self.resolver.concept_map(url) if url is not None else None
        maps = [found] if found is not None else [] if url else self.resolver.maps_from(system, target, reverse)
        asked: dict[str, Any] = {
            "target": target,
            "reverse": reverse,
            "dependencies": dependencies,
            "find": self.resolver.concept_map,
        }
        return [match for one in maps for match in translated(one, system, code, **asked)]

    def load(
        self, resource: dict[str, Any], origin: str = "store", key: str | None = None, stamp: str | None = None
    ) -> None:
        """Know a CodeSystem, ValueSet or ConceptMap from now on, in the place of the one of this origin and key (its
        logical id); other types are passed over. With the same ``stamp`` as before nothing is done."""
        if resource.get("resourceType") in contents.KINDS:
            contents.register(
                self.database, resource, origin, key or str(resource.get("id") or resource.get("url")), stamp
            )
            self.changed()

    def forget(self, kind: str, key: str, origin: str = "store") -> None:
        """Know a resource no more."""
        with self.database.writing() as connection:
            gone = contents.remove(connection, origin, kind, key)
        if gone:
            self.changed()

    def follow(self, resource_type: str, logical_id: str, resource: dict[str, Any] | None) -> None:
        """Take up the present version of a stored resource; None: it was deleted."""
        if resource is None:
            self.forget(resource_type, logical_id)
        else:
            meta = resource.get("meta", {})
            self.load(resource, "store", logical_id, f"{meta.get('versionId')}/{meta.get('lastUpdated')}")

    def retain(self, kind: str, logical_ids: frozenset[str]) -> None:
        """Forget the stored resources of a type that are no longer there."""
        rows = self.database.rows("SELECT key FROM content WHERE origin='store' AND kind=?", (kind,))
        for (key,) in rows:
            if key not in logical_ids:
                self.forget(kind, key)

    def writer(self, header: dict[str, Any], origin: str = "import", key: str | None = None) -> Writer:
        """Write a code system as a stream of concepts; what had the same origin and key (its url and version unless
        said) is replaced at the end, in one step. Call ``changed`` after it."""
        name = key or f"{header['url']}|{header.get('version', '')}"
        return Writer(self.database, header, origin, name)

    def changed(self) -> None:
        """Drop every answer that was kept: the index has changed."""
        self.generation += 1
        self.resolver.forget()
        self._answers = Kept(MOST_ANSWERS)
        self._overlaid = Kept(32)
        self.answers = Kept(MOST_TEXTS)

    def refresh(self) -> bool:
        """Take up what other processes have changed in the index; whether there was anything."""
        if not self.database.changed_outside():
            return False
        self.changed()
        return True

    def with_resources(self, resources: Iterable[dict[str, Any]]) -> Terminology:
        """The same knowledge with resources that a request brought (``tx-resource``, contained ones) before it."""
        given = [one for one in resources if one.get("resourceType") in contents.KINDS]
        if not given:
            return self
        digest = hashlib.sha256(b"\n".join(json.dumps(one) for one in given)).digest()
        kept = self._overlaid.get(digest)
        if kept is not None:
            return kept
        self.prepare()
        layer = Database(None)
        for number, one in enumerate(given):
            contents.register(layer, one, "request", str(number))
        made = Terminology(self.database, (layer,), prepared=True)
        made.generation = self.generation
        return self._overlaid.keep(digest, made)

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()


def open_terminology(path: Path | None, folders: Iterable[Path] = ()) -> Terminology:
    """The concept index in ``path`` (made when it is not there; None: in memory), with R4's own content and what lies
    in ``folders`` (JSON of CodeSystems, ValueSets and ConceptMaps). Opens at once; see ``prepare``."""
    return Terminology(Database(path), folders=tuple(folders))
