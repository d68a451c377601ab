"""The codes of a value set as a set, out of the index (for search and for excludes)."""

from __future__ import annotations

from countyfhir.outcome import FhirError
from countyfhir.terminology.code_systems import CodeSystem
from countyfhir.terminology.conditions import Condition, condition
from countyfhir.terminology.membership import Trail, walked, with_version
from countyfhir.terminology.resolving import Resolver, System, unknown_value_set
from countyfhir.terminology.value_sets import Definition, Include
from countyfhir.terminology.versions import NO_VERSIONS, Versions

Pair = tuple[str, str]


def code_set(value_set: Definition, resolver: Resolver) -> tuple[frozenset[str], frozenset[Pair]]:
    """The systems that a value set includes as a whole, and the pairs of the rest. FhirError: it cannot be listed."""
    whole = set()
    rest = []
    for part in value_set.includes:
        plain = part.listed is None and not part.filters and not part.value_sets
        if plain and part.system is not None and not value_set.excludes:
            whole.add(part.system)
        else:
            rest.append(part)
    found = {pair for part in rest for pair in _pairs(part, value_set, resolver, NO_VERSIONS, (value_set.canonical,))}
    gone = {pair for part in value_set.excludes for pair in _pairs(part, value_set, resolver, NO_VERSIONS, ())}
    return frozenset(whole), frozenset(found - gone)


def pairs(value_set: Definition, resolver: Resolver, versions: Versions, trail: Trail = ()) -> set[Pair]:
    """Every (system, code) of a value set. FhirError where it cannot be listed."""
    trail = walked(value_set, trail)
    found = {pair for part in value_set.includes for pair in _pairs(part, value_set, resolver, versions, trail)}
    if value_set.excludes:
        found -= {pair for part in value_set.excludes for pair in _pairs(part, value_set, resolver, versions, trail)}
    return found


def _pairs(part: Include, value_set: Definition, resolver: Resolver, versions: Versions, trail: Trail) -> set[Pair]:
    """The pairs of one include or exclude."""
    sets: list[set[Pair]] = []
    if part.system is not None:
        sets.append(_of_system(part, part.system, resolver, versions))
    for url in part.value_sets:
        other = resolver.value_set(with_version(url, versions), value_set)
        if other is None:
            raise unknown_value_set(url)
        sets.append(pairs(other, resolver, versions, trail))
    return set.intersection(*sets)


def _of_system(part: Include, url: str, resolver: Resolver, versions: Versions) -> set[Pair]:
    if part.listed is not None:
        return {(url, code) for code in part.listed}
    system = listable(part, resolver, versions)
    where, bindings = where_of(system, part)
    rows = system.database.rows(f"SELECT c.code FROM concept c WHERE {where}", bindings)
    return {(url, code) for (code,) in rows}


def where_of(system: CodeSystem, part: Include) -> tuple[str, tuple[object, ...]]:
    """The SQL condition and bindings of an include's system and filters."""
    found: list[Condition] = [condition(system, one.name, one.operator, one.value) for one in part.filters]
    where = " AND ".join(["c.system=?", *(one.many for one in found)])
    return where, (system.number, *(value for one in found for value in one.many_bindings))


def listable(part: Include, resolver: Resolver, versions: Versions) -> CodeSystem:
    """The code system of an include, to be listed. FhirError 422 when it is not known or cannot be listed."""
    url = part.system or ""
    wanted = versions.of(url, part.version)
    system: System | None = resolver.code_system(url, wanted)
    if system is None:
        raise unknown_system(url, wanted, resolver)
    versions.verify(url, system.version)
    if not isinstance(system, CodeSystem) or not system.present:
        code, reason = (
            ("too-costly", "it is a grammar") if system.is_rule else ("not-found", "its content is not loaded")
        )
        raise FhirError(
            code,
            f"The code system {url} cannot be listed here: {reason}. List the codes in the value set, or load it.",
            status=422,
        )
    return system


def unknown_system(url: str, version: str | None, resolver: Resolver) -> FhirError:
    """404 for a code system, or a version of it, that is not known here."""
    known = sorted(filter(None, resolver.versions("CodeSystem", url)))
    if version is not None:
        valid = f" Valid versions: {', '.join(known)}" if known else ""
        return FhirError(
            "not-found",
            f"A definition for CodeSystem '{url}' version '{version}' could not be found, so the value set cannot be"
            f" expanded.{valid}",
            status=422,
        )
    return FhirError(
        "not-found",
        f"A definition for CodeSystem '{url}' could not be found, so the value set cannot be expanded",
        status=422,
    )
