"""ValueSet.compose as a definition that can be asked and listed (R4 section 4.9.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from countyfhir.outcome import FhirError


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter of an include."""

    name: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Include:
    """One include or exclude: a code system with its listed concepts (None: not listed) or filters, cut with value
    sets."""

    system: str | None
    version: str | None
    listed: Mapping[str, Mapping[str, Any]] | None
    filters: tuple[Filter, ...]
    value_sets: tuple[str, ...]
    place: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A value set: what it includes and excludes. ``inactive``: compose.inactive. ``contained``: the resources inside
    it that it may name by ``#id``. ``given``: it came with its expansion only."""

    url: str
    version: str
    resource: Mapping[str, Any]
    includes: tuple[Include, ...]
    excludes: tuple[Include, ...] = ()
    inactive: bool | None = None
    contained: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    given: bool = False

    @property
    def canonical(self) -> str:
        """``url|version``."""
        return f"{self.url}|{self.version}" if self.version else self.url


def definition(resource: Mapping[str, Any]) -> Definition:
    """The definition in a ValueSet resource. FhirError 422 for a compose that cannot be read."""
    compose = resource.get("compose")
    contained = {f"#{one.get('id')}": one for one in resource.get("contained", ()) if isinstance(one, dict)}
    url, version = str(resource.get("url", "")), str(resource.get("version", ""))
    if not isinstance(compose, Mapping):
        includes = tuple(_of_expansion(resource.get("expansion", {}).get("contains", ())))
        return Definition(url, version, resource, includes, contained=contained, given=True)
    return Definition(
        url,
        version,
        resource,
        tuple(_parts(compose, "include")),
        tuple(_parts(compose, "exclude")),
        compose.get("inactive"),
        contained,
    )


def _parts(compose: Mapping[str, Any], name: str) -> Iterator[Include]:
    for place, part in enumerate(compose.get(name, ())):
        where = f"ValueSet.compose.{name}[{place}]"
        listed = part.get("concept")
        filters = tuple(
            Filter(str(one.get("property", "")), str(one.get("op", "")), str(one.get("value", "")))
            for one in part.get("filter", ())
        )
        if any(not (one.name and one.operator and one.value) for one in filters):
            raise FhirError(
                "invalid", "A filter needs property, op and value.", expression=f"{where}.filter", status=422
            )
        system, value_sets = part.get("system"), tuple(part.get("valueSet", ()))
        if system is None and (not value_sets or listed or filters):
            raise FhirError("invalid", f"{where} needs a system or a valueSet.", expression=where, status=422)
        yield Include(
            system,
            part.get("version"),
            {one["code"]: one for one in listed if "code" in one} if listed else None,
            filters,
            value_sets,
            where,
        )


def _of_expansion(contains: Iterable[Mapping[str, Any]]) -> Iterator[Include]:
    """What an expansion that came with a value set lists, as includes by system."""
    grouped: dict[tuple[str, str | None], dict[str, Mapping[str, Any]]] = {}
    waiting = list(contains)
    while waiting:
        one = waiting.pop(0)
        waiting[:0] = one.get("contains", ())
        if one.get("code") and one.get("system"):
            grouped.setdefault((one["system"], one.get("version")), {})[one["code"]] = one
    for number, ((system, version), listed) in enumerate(grouped.items()):
        yield Include(system, version, listed, (), (), f"ValueSet.expansion[{number}]")


def whole_system(url: str, system: str, version: str | None = None) -> Definition:
    """The implicit value set of all codes of a system."""
    resource = {
        "resourceType": "ValueSet",
        "url": url,
        "status": "active",
        "compose": {"include": [{"system": system} | ({"version": version} if version else {})]},
    }
    return definition(resource)


def implicit(url: str, version: str | None = None) -> Definition | None:
    """A value set that its url defines (R4 section 4.3.0): SNOMED CT's ``?fhir_vs``, LOINC's ``vs``; else None."""
    head, question, query = url.partition("?")
    if question and head.startswith("http://snomed.info/sct"):
        return _of_snomed(url, head, query)
    if url in ("http://loinc.org/vs", "http://loinc.org/vs/"):
        return whole_system(url, "http://loinc.org", version)
    if url.startswith("http://loinc.org/vs/"):
        return _of_loinc(url, url.rpartition("/")[2])
    if url == "http://unitsofmeasure.org/vs":
        return whole_system(url, "http://unitsofmeasure.org")
    return None


def _of_snomed(url: str, head: str, query: str) -> Definition | None:
    name, _, value = query.partition("=")
    if name != "fhir_vs":
        return None
    include: dict[str, Any] = {"system": "http://snomed.info/sct"}
    if head != "http://snomed.info/sct":
        include["version"] = head
    kind, _, code = value.partition("/")
    filters = {
        "": [],
        "isa": [{"property": "concept", "op": "is-a", "value": code}],
        "refset": [{"property": "concept", "op": "in", "value": code}],
    }
    if kind not in filters or (kind and not code):
        return None
    if kind == "refset":
        include["filter"] = [{"property": "refset", "op": "=", "value": code}]
    elif kind:
        include["filter"] = filters[kind]
    return definition({"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": [include]}})


def _of_loinc(url: str, code: str) -> Definition | None:
    filters = {"LL": ("LIST", "="), "LP": ("ancestor", "=")}
    known = filters.get(code[:2])
    if known is None:
        return None
    include = {"system": "http://loinc.org", "filter": [{"property": known[0], "op": known[1], "value": code}]}
    return definition({"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": [include]}})


_DISPLAY_LANGUAGE = "http://hl7.org/fhir/tools/StructureDefinition/valueset-expansion-param"


def display_language(resource: Mapping[str, Any]) -> str | None:
    """The language in which a value set wants its displays: by its extension on the compose, or by its own language."""
    for one in resource.get("compose", {}).get("extension", ()):
        parts = {part.get("url"): part for part in one.get("extension", ())}
        if one.get("url", "").endswith("valueset-expansion-parameter") or one.get("url") == _DISPLAY_LANGUAGE:
            name = parts.get("name", {}).get("valueCode") or parts.get("name", {}).get("valueString")
            if name == "displayLanguage":
                value = parts.get("value", {})
                return str(value.get("valueCode") or value.get("valueString") or "") or None
    language = resource.get("language")
    return str(language) if language else None
