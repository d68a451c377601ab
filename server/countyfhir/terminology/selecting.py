"""The members of a value set in the order of their definition: filtered, paged, from the index (R4 section 4.9.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from countyfhir.outcome import FhirError
from countyfhir.terminology import listing, schema
from countyfhir.terminology.code_systems import SELECTED, CodeSystem, Concept
from countyfhir.terminology.membership import Trail, contains, listed_code, walked, with_version
from countyfhir.terminology.resolving import Resolver, System, unknown_value_set
from countyfhir.terminology.value_sets import Definition, Include
from countyfhir.terminology.versions import NO_VERSIONS, Versions
from countyfhir.terminology.words import matches, query

MOST = 100_000
"""Members that one expansion may go through."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which members are wanted. ``count`` None: all."""

    text: str | None = None
    offset: int = 0
    count: int | None = None
    active_only: bool = False
    selectable_only: bool = False
    versions: Versions = NO_VERSIONS
    without_systems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """One member: its code system (None: not known here), its concept (None: likewise) and how the value set lists
    it."""

    system: str
    code: str
    code_system: System | None
    concept: Concept | None
    listed: Mapping[str, Any] | None = None
    from_list: bool = False


@dataclass(slots=True)
class Used:
    """What an expansion hangs on, for its parameters."""

    systems: dict[str, System] = field(default_factory=dict)
    value_sets: dict[str, Definition] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def system(self, found: System) -> None:
        """Note a code system."""
        self.systems[found.canonical] = found


def selected(value_set: Definition, wanted: Selection, resolver: Resolver, used: Used) -> tuple[list[Member], int]:
    """The members on the page that is wanted, and how many there are in all. FhirError 422 for more than 100,000, and
    for what cannot be listed."""
    paged = _straight(value_set, wanted, resolver, used)
    if paged is not None:
        return paged
    found = list(_members(value_set, wanted, resolver, used, ()))
    end = None if wanted.count is None else wanted.offset + wanted.count
    return found[wanted.offset : end], len(found)


def _straight(
    value_set: Definition, wanted: Selection, resolver: Resolver, used: Used
) -> tuple[list[Member], int] | None:
    """The page straight from the index, where the value set is one plain include of a code system; else None."""
    if len(value_set.includes) != 1 or value_set.excludes or wanted.count is None:
        return None
    part = value_set.includes[0]
    if part.system is None or part.listed is not None or part.value_sets or part.system in wanted.without_systems:
        return None
    system = listing.listable(part, resolver, wanted.versions)
    used.system(system)
    where, bindings = _where(system, part, _narrowed(value_set, wanted))
    total = system.database.first(f"SELECT count(*) FROM concept c WHERE {where}", bindings)
    concepts = system.select(where, (*bindings, wanted.count, wanted.offset), "ORDER BY c.id LIMIT ? OFFSET ?")
    return [Member(part.system, one.code, system, one) for one in concepts], int(total[0]) if total else 0


def _narrowed(value_set: Definition, wanted: Selection) -> Selection:
    """The selection with what the value set itself says of inactive codes."""
    if value_set.inactive is False and not wanted.active_only:
        return replace(wanted, active_only=True)
    return wanted


def _members(
    value_set: Definition, wanted: Selection, resolver: Resolver, used: Used, trail: Trail
) -> Iterator[Member]:
    """Every member that is selected, each once, in order of definition."""
    trail = walked(value_set, trail)
    wanted = _narrowed(value_set, wanted)
    gone = _excluded(value_set, wanted, resolver, trail)
    seen: set[tuple[str, str]] = set()
    for part in value_set.includes:
        if part.system is not None and part.system in wanted.without_systems:
            continue
        for member in _of_part(part, value_set, wanted, resolver, used, trail):
            at = (member.system, member.code)
            if at in seen or at in gone:
                continue
            seen.add(at)
            if len(seen) > MOST:
                raise too_costly(None)
            yield member


def _excluded(value_set: Definition, wanted: Selection, resolver: Resolver, trail: Trail) -> set[tuple[str, str]]:
    if not value_set.excludes:
        return set()
    exclusion = Definition("", "", value_set.resource, value_set.excludes, contained=value_set.contained)
    return listing.pairs(exclusion, resolver, wanted.versions, trail)


def _of_part(
    part: Include, value_set: Definition, wanted: Selection, resolver: Resolver, used: Used, trail: Trail
) -> Iterator[Member]:
    imported = [_imported(url, value_set, wanted, resolver, used) for url in part.value_sets]
    if part.system is None:
        found, others = _members(imported[0], wanted, resolver, used, trail), imported[1:]
    elif part.listed is not None:
        found, others = _of_list(part, part.listed, wanted, resolver, used), imported
    else:
        found, others = _of_system(part, wanted, resolver, used), imported
    for member in found:
        if all(contains(one, member.system, member.code, resolver, wanted.versions, trail) for one in others):
            yield member


def _imported(url: str, value_set: Definition, wanted: Selection, resolver: Resolver, used: Used) -> Definition:
    found = resolver.value_set(with_version(url, wanted.versions), value_set)
    if found is None:
        raise unknown_value_set(url)
    if found.url:
        used.value_sets[found.canonical] = found
    return found


def _of_list(
    part: Include, listed: Mapping[str, Mapping[str, Any]], wanted: Selection, resolver: Resolver, used: Used
) -> Iterator[Member]:
    assert part.system is not None
    version = wanted.versions.of(part.system, part.version)
    system = resolver.code_system(part.system, version)
    if system is None and version is not None and resolver.versions("CodeSystem", part.system):
        raise listing.unknown_system(part.system, version, resolver)
    known = system is not None and system.present
    if system is not None and known:
        wanted.versions.verify(part.system, system.version)
        used.system(system)
    else:
        used.unknown.append(part.system)
    for code, said in listed.items():
        concept = system.concept(code) if system is not None and known else None
        if concept is None and system is not None and known and system.complete:
            continue
        member = Member(part.system, concept.code if concept else code, system, concept, said, from_list=True)
        if _is_wanted(member, wanted):
            yield member


def _is_wanted(member: Member, wanted: Selection) -> bool:
    concept = member.concept
    if concept is not None and wanted.active_only and concept.inactive:
        return False
    if concept is not None and wanted.selectable_only and concept.abstract:
        return False
    return wanted.text is None or matches(wanted.text, texts_of(member))


def texts_of(member: Member) -> Iterator[str]:
    """Everything a member is called."""
    yield member.code
    said = member.listed or {}
    if "display" in said:
        yield str(said["display"])
    yield from (str(one["value"]) for one in said.get("designation", ()) if "value" in one)
    if member.concept is not None and member.code_system is not None:
        if member.concept.display:
            yield member.concept.display
        yield from (str(one["value"]) for one in member.code_system.designations(member.concept) if "value" in one)


def _of_system(part: Include, wanted: Selection, resolver: Resolver, used: Used) -> Iterator[Member]:
    assert part.system is not None
    system = listing.listable(part, resolver, wanted.versions)
    used.system(system)
    where, bindings = _where(system, part, wanted)
    rows = system.database.rows(
        f"SELECT {SELECTED} FROM concept c WHERE {where} ORDER BY c.id LIMIT ?", (*bindings, MOST + 1)
    )
    if len(rows) > MOST:
        raise too_costly(None)
    for row in rows:
        concept = Concept(*row)
        yield Member(part.system, concept.code, system, concept)


def _where(system: CodeSystem, part: Include, wanted: Selection) -> tuple[str, tuple[object, ...]]:
    """The SQL condition of an include with what is wanted of it."""
    where, bindings = listing.where_of(system, part)
    if wanted.active_only:
        where += f" AND (c.flags & {schema.INACTIVE})=0"
    if wanted.selectable_only:
        where += f" AND (c.flags & {schema.ABSTRACT})=0"
    if wanted.text is not None:
        sought = query(wanted.text)
        if sought is None:
            return f"{where} AND 0", bindings
        where = f"+{where} AND c.id IN (SELECT rowid FROM words WHERE words MATCH ?)"  # +: begin with the words
        bindings = (*bindings, sought)
    return where, bindings


def too_costly(total: int | None) -> FhirError:
    """422 with what to do instead."""
    size = f"{total:,} codes" if total is not None else f"more than {MOST:,} codes"
    return FhirError(
        "too-costly",
        f"The expansion has {size}, too many for one answer. Ask for a page with count and offset, or narrow it with"
        " filter.",
        status=422,
    )


def listed_in(part: Include, code: str, system: System | None) -> Mapping[str, Any] | None:
    """How an include lists a code, or None."""
    if part.listed is None:
        return None
    found = listed_code(part, code, system)
    return part.listed[found] if found is not None else None


def hierarchy(members: Sequence[Member]) -> dict[int, int]:
    """Of members from one code system that stand below another: concept number -> number of what it stands below."""
    numbers = {one.concept.number for one in members if one.concept is not None and not one.from_list}
    above: dict[int, int] = {}
    for one in members:
        if one.concept is None or one.from_list or not isinstance(one.code_system, CodeSystem):
            continue
        rows = one.code_system.database.rows(
            "SELECT parent FROM edge WHERE child=? ORDER BY parent", (one.concept.number,)
        )
        parent = next((number for (number,) in rows if number in numbers), None)
        if parent is not None:
            above[one.concept.number] = parent
    return above
