"""Whether a code is in a value set, asked of the index concept by concept: nothing is listed (R4 section 4.9.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from countyfhir.outcome import FhirError
from countyfhir.terminology.code_systems import CodeSystem, Concept
from countyfhir.terminology.conditions import condition
from countyfhir.terminology.patterns import compiled
from countyfhir.terminology.resolving import Resolver, System
from countyfhir.terminology.value_sets import Definition, Include
from countyfhir.terminology.versions import NO_VERSIONS, Versions

Trail = tuple[str, ...]


def contains(
    value_set: Definition,
    system: str | None,
    code: str,
    resolver: Resolver,
    versions: Versions = NO_VERSIONS,
    trail: Trail = (),
    version: str | None = None,
) -> bool | None:
    """Whether a code (of any system, when ``system`` is None; of a version, when one is said) is in a value set. None
    when that hangs on something that is not known here. FhirError 422 for value sets that include each other in a
    circle."""
    trail = walked(value_set, trail)

    def within(part: Include) -> bool | None:
        return _within(part, value_set, system, code, resolver, versions, trail, version)

    included = any_of(map(within, value_set.includes))
    if not included or not value_set.excludes:
        return included
    excluded = any_of(map(within, value_set.excludes))
    return None if excluded is None else not excluded


def walked(value_set: Definition, trail: Trail) -> Trail:
    """The trail with one step more. FhirError 422 when it closes a circle."""
    name = value_set.canonical
    if name and name in trail:
        circle = " -> ".join([*trail[trail.index(name) :], name])
        raise FhirError(
            "processing", f"Cyclic reference: value sets include each other in a circle: {circle}.", status=422
        )
    return (*trail, name)


def any_of(answers: Iterable[bool | None]) -> bool | None:
    """True when one is, else None when one is not known, else False."""
    known = True
    for answer in answers:
        if answer:
            return True
        known = known and answer is not None
    return False if known else None


def all_of(answers: Iterable[bool | None]) -> bool | None:
    """False when one is, else None when one is not known, else True."""
    known = True
    for answer in answers:
        if answer is False:
            return False
        known = known and answer is not None
    return True if known else None


def _within(
    part: Include,
    value_set: Definition,
    system: str | None,
    code: str,
    resolver: Resolver,
    versions: Versions,
    trail: Trail,
    version: str | None,
) -> bool | None:
    if part.system is not None:
        if system is not None and part.system != system:
            return False
        answer = _of_system(part, code, resolver, versions, version)
        if not answer or not part.value_sets:
            return answer
        system = part.system
    imported: list[Callable[[], bool | None]] = []
    for url in part.value_sets:
        other = resolver.value_set(with_version(url, versions), value_set)
        if other is None:
            return None
        imported.append(lambda other=other: contains(other, system, code, resolver, versions, trail, version))  # type: ignore[misc]
    return all_of(ask() for ask in imported)


def with_version(canonical: str, versions: Versions) -> str:
    """The canonical with the version a request says, where it has none itself."""
    if "|" in canonical or canonical not in versions.value_sets:
        return canonical
    return f"{canonical}|{versions.value_sets[canonical]}"


def _of_system(part: Include, code: str, resolver: Resolver, versions: Versions, version: str | None) -> bool | None:
    assert part.system is not None
    wanted = versions.of(part.system, part.version)
    found = resolver.code_system(part.system, wanted)
    if part.listed is not None:
        return listed_code(part, code, found) is not None
    if found is None or not found.present:
        return fits_form(part, code)
    versions.verify(part.system, found.version)
    if version is not None and found.version and version != found.version:
        return None
    concept = found.concept(code)
    if concept is None:
        return False if found.complete else None
    return meets(found, concept, part)


def fits_form(part: Include, code: str) -> bool | None:
    """Whether a code of a system that is not loaded fits an include that asks for its form alone (``code regex``, as
    disease groups by ICD category do). None for other filters."""
    if not part.filters or any(one.name != "code" or one.operator != "regex" for one in part.filters):
        return None
    return all(compiled(one.value).fullmatch(code) is not None for one in part.filters)


def listed_code(part: Include, code: str, system: System | None) -> str | None:
    """The code as the include lists it, or None: where case does not count in the system, in any case."""
    assert part.listed is not None
    if code in part.listed:
        return code
    if system is None or system.case_sensitive:
        return None
    folded = code.casefold()
    return next((one for one in part.listed if one.casefold() == folded), None)


def meets(system: System, concept: Concept, part: Include) -> bool | None:
    """Whether a concept meets all filters of an include. None where they cannot be decided."""
    if not part.filters:
        return True
    if not isinstance(system, CodeSystem):
        return all_of(_meets_rule(system, concept, one.name, one.operator, one.value) for one in part.filters)
    conditions = [condition(system, one.name, one.operator, one.value) for one in part.filters]
    where = " AND ".join(one.one for one in conditions)
    bindings = (concept.number, *(value for one in conditions for value in one.one_bindings))
    return system.database.first(f"SELECT 1 FROM concept c WHERE c.id=? AND {where}", bindings) is not None


def _meets_rule(system: System, concept: Concept, name: str, operator: str, value: str) -> bool | None:
    if operator != "=":
        return None
    known = [one for one in system.properties(concept) if one["code"] == name]
    return any(value in one.values() for one in known) if known else None
