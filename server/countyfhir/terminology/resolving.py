"""From canonicals to what they mean: code systems, value sets and concept maps out of the layers of the index."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from countyfhir.outcome import FhirError
from countyfhir.terminology import contents, value_sets
from countyfhir.terminology.code_systems import CodeSystem
from countyfhir.terminology.concept_maps import ConceptMap, concept_map
from countyfhir.terminology.contents import Content
from countyfhir.terminology.database import Database
from countyfhir.terminology.rules import RuleSystem, rule_system
from countyfhir.terminology.value_sets import Definition
from countyfhir.terminology.versions import fits, newest, split

System = CodeSystem | RuleSystem
T = TypeVar("T")

MOST_KEPT = 1_024
"""Code systems, value sets and maps that are kept parsed, each."""

BY_ID = "ValueSet/"
"""Begins the relative reference to a value set."""
_OF_KEY = "SELECT id FROM content WHERE kind='ValueSet' AND key=? AND origin IN ('store', 'r4') ORDER BY origin DESC"
_OF_ID = (
    "SELECT id FROM content WHERE kind='ValueSet' AND origin NOT IN ('store', 'r4')"
    " AND json_extract(CAST(body AS TEXT), '$.id')=?"
)


class Kept(OrderedDict[Hashable, T]):
    """The ``most`` values that were kept last."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def keep(self, key: Hashable, value: T) -> T:
        """Keep a value; the one that was kept longest goes."""
        self[key] = value
        if len(self) > self._most:
            with suppress(KeyError):  # another thread was quicker
                self.popitem(last=False)
        return value


class Resolver:
    """What canonicals mean over ``layers``, the nearest first: what a request brought, then the index."""

    def __init__(self, layers: Sequence[Database], prepare: Callable[[], None] = lambda: None) -> None:
        self._layers, self._prepare = tuple(layers), prepare
        self._found: Kept[Any] = Kept(MOST_KEPT)
        self._parsed: Kept[Any] = Kept(MOST_KEPT)

    @property
    def layers(self) -> tuple[Database, ...]:
        """The layers, with what comes with the program in the last."""
        self._prepare()
        return self._layers

    def forget(self) -> None:
        """Look again from now on: the index has changed."""
        self._found = Kept(MOST_KEPT)
        self._parsed = Kept(MOST_KEPT)

    def code_system(self, url: str, version: str | None = None) -> System | None:
        """The code system (its newest version unless one is said), or None when it is not known."""
        at = ("CodeSystem", url, version)
        found = self._found.get(at, _UNKNOWN)
        if found is not _UNKNOWN:
            return found  # type: ignore[no-any-return]
        return self._found.keep(at, self._code_system(url, version))  # type: ignore[no-any-return]

    def _code_system(self, url: str, version: str | None) -> System | None:
        rule = rule_system(url)
        if rule is not None:
            return rule
        placed = self._newest("CodeSystem", url, version)
        if placed is None:
            return None
        database, content = placed
        return self.opened(database, content)

    def opened(self, database: Database, content: Content) -> CodeSystem:
        """A content as a code system, with its supplements."""
        at = (id(database), content.content_id)
        kept = self._parsed.get(at)
        if kept is not None:
            return kept  # type: ignore[no-any-return]
        supplements = [
            CodeSystem(layer, one)
            for layer in self.layers
            for one in contents.supplements_of(layer, content.url)
            if split(one.supplements or "")[1] in (None, content.version)
        ]
        return self._parsed.keep(at, CodeSystem(database, content, supplements))  # type: ignore[no-any-return]

    def supplement(self, canonical: str) -> CodeSystem | None:
        """A supplement by its own canonical."""
        placed = self._newest("CodeSystem", *split(canonical))
        return CodeSystem(*placed) if placed is not None and placed[1].mode == "supplement" else None

    def versions(self, kind: str, url: str) -> list[str]:
        """The versions that are known, in no order."""
        return [one.version for layer in self.layers for one in contents.of_url(layer, kind, url)]

    def value_set(self, canonical: str, within: Definition | None = None) -> Definition | None:
        """The value set of ``url`` or ``url|version`` (or ``#id``, contained in ``within``; ``ValueSet/id``, stored
        under that id); one that its url defines, or of all codes of a system, too. None when it is not known."""
        if canonical.startswith("#") and within is not None:
            held = within.contained.get(canonical)
            return value_sets.definition(held) if held is not None else None
        at = ("ValueSet", canonical)
        found = self._found.get(at, _UNKNOWN)
        if found is not _UNKNOWN:
            return found  # type: ignore[no-any-return]
        return self._found.keep(at, self._value_set(*split(canonical)))  # type: ignore[no-any-return]

    def _stored(self, logical_id: str) -> Definition | None:
        """The value set that is stored, or ships, under a logical id."""
        for layer in self.layers:
            row = layer.first(_OF_KEY, (logical_id,)) or layer.first(_OF_ID, (logical_id,))
            if row is not None:
                return value_sets.definition(contents.body(layer, row[0]))
        return None

    def _value_set(self, url: str, version: str | None) -> Definition | None:
        if url.startswith(BY_ID):
            return self._stored(url.removeprefix(BY_ID))
        placed = self._newest("ValueSet", url, version)
        if placed is not None:
            database, content = placed
            return value_sets.definition(contents.body(database, content.content_id))
        by_rule = value_sets.implicit(url, version)
        if by_rule is not None:
            return by_rule
        return self._of_whole_system(url, version)

    def _of_whole_system(self, url: str, version: str | None) -> Definition | None:
        """The value set that a code system names as that of all its codes (CodeSystem.valueSet)."""
        for layer in self.layers:
            for one in contents.naming_value_set(layer, url):
                if version is not None and not fits(version, one.version):
                    continue
                return value_sets.whole_system(url, one.url, one.version or None)
        return None

    def concept_map(self, canonical: str) -> ConceptMap | None:
        """A concept map by its canonical."""
        at = ("ConceptMap", canonical)
        if at in self._found:
            return self._found[at]  # type: ignore[no-any-return]
        placed = self._newest("ConceptMap", *split(canonical))
        found = concept_map(contents.body(placed[0], placed[1].content_id)) if placed else None
        return self._found.keep(at, found)  # type: ignore[no-any-return]

    def maps_from(self, system: str, target: str | None, reverse: bool = False) -> list[ConceptMap]:
        """The concept maps with a group from a code system (to it, in reverse), to ``target`` where that is said; the
        newest version of each."""
        urls = dict.fromkeys(url for layer in self.layers for url in contents.maps_of(layer, system, target, reverse))
        return [found for url in urls if (found := self.concept_map(url)) is not None]

    def _newest(self, kind: str, url: str, version: str | None) -> tuple[Database, Content] | None:
        found: list[tuple[Database, Content]] = [
            (layer, one) for layer in self.layers for one in contents.of_url(layer, kind, url)
        ]
        best = newest([one for _, one in found], version)
        return next((pair for pair in found if pair[1] is best), None) if best is not None else None


_UNKNOWN: Mapping[str, Any] = {}


def unknown_value_set(url: str) -> FhirError:
    """404 for a value set that is not known here."""
    return FhirError("not-found", f"The value set '{url}' could not be found.", expression="url")
