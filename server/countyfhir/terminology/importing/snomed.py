"""A snapshot of SNOMED CT in Release Format 2: concepts, descriptions, is-a relationships, language reference sets
(SNOMED CT Release File Specifications; R4 section 4.3.1.1, Using SNOMED CT with FHIR)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from countyfhir.terminology.concepts import Entry
from countyfhir.terminology.importing.opening import Member, Meter, members, named, positions, tabbed
from countyfhir.terminology.importing.order import Import, ImportProblem, Order, header
from countyfhir.terminology.importing.staging import Staging, staging

URL = "http://snomed.info/sct"
INTERNATIONAL = "900000000000207008"
IS_A, FULLY_SPECIFIED, PREFERRED = "116680003", "900000000000003001", "900000000000548007"
DEFINED = "900000000000073002"
US_ENGLISH = "900000000000509007"
SYNONYM = "900000000000013009"
CONCEPTS = r"sct2_Concept_\w*Snapshot[^/]*\.txt$"
DESCRIPTIONS = r"sct2_Description_\w*Snapshot[^/]*\.txt$"
RELATIONSHIPS = r"sct2_Relationship_\w*Snapshot[^/]*\.txt$"
LANGUAGES = r"der2_cRefset_\w*Language\w*Snapshot[^/]*\.txt$"
_RELEASE = re.compile(r"_(?P<name>[A-Z]+)(?:\d+)?_(?P<date>\d{8})(?:\D|$)")
_USES = {FULLY_SPECIFIED: "Fully specified name", SYNONYM: "Synonym"}

PROPERTIES = [
    {"code": "inactive", "type": "boolean"},
    {"code": "sufficientlyDefined", "type": "boolean"},
    {"code": "moduleId", "type": "code"},
    {"code": "effectiveTime", "type": "dateTime"},
]


def snomed(order: Order) -> Import:
    """A snapshot as a zip or a folder. The display is the preferred synonym of ``language_refset`` (US English unless
    said); every active description is a designation. Of the relationships only is-a is taken."""
    found = members(order.path)
    parts = {what: named(found, form) for what, form in _FILES.items()}
    if missing := [what for what in ("concepts", "descriptions", "relationships") if not parts[what]]:
        raise ImportProblem(f"{order.path} has no snapshot of {missing[0]}: give the zip or folder of an RF2 release")
    version = order.version or _version(parts["concepts"][0].name)
    head = header(order.system or URL, version, order.title or "SNOMED CT", language="en", property=PROPERTIES)
    notes = [] if parts["languages"] else ["no language reference set: the display is the first synonym"]
    total = sum(one.size for group in parts.values() for one in group)
    return Import(head, _entries(parts, order.language_refset or US_ENGLISH, Meter(order.tell, total)), notes)


_FILES = {
    "concepts": CONCEPTS,
    "descriptions": DESCRIPTIONS,
    "relationships": RELATIONSHIPS,
    "languages": LANGUAGES,
}


def _version(name: str) -> str:
    said = _RELEASE.search(name)
    if said is None or not said["name"].startswith("INT"):
        raise ImportProblem(f"{name} is not of the international edition: give --version {URL}/MODULE/version/YYYYMMDD")
    return f"{URL}/{INTERNATIONAL}/version/{said['date']}"


_DESCRIPTION = "concept INTEGER, id INTEGER, language TEXT, kind INTEGER, term TEXT"
_CONCEPT = "id INTEGER, active TEXT, time TEXT, module TEXT, definition TEXT"


def _entries(parts: dict[str, list[Member]], refset: str, meter: Meter) -> Iterator[Entry]:
    with staging() as staged:
        staged.fill("step", "child INTEGER, parent INTEGER", _steps(parts["relationships"], meter))
        staged.index("step", "child, parent")
        staged.fill("preferred", "description INTEGER, refset INTEGER", _preferred(parts["languages"], meter))
        staged.index("preferred", "description, refset")
        staged.fill("description", _DESCRIPTION, _terms(parts["descriptions"], meter))
        staged.index("description", "concept")
        staged.fill("concept", _CONCEPT, _concepts(parts["concepts"], meter))
        yield from _joined(staged, int(refset))


def _columns(members_: Sequence[Member], meter: Meter, *names: str) -> Iterator[list[str]]:
    """The named columns of the rows of several files."""
    for member in members_:
        rows = tabbed(member, meter)
        at = positions(next(rows, []), names, member)
        last = max(at)
        for row in rows:
            if len(row) > last:
                yield [row[place] for place in at]


def _steps(found: Sequence[Member], meter: Meter) -> Iterator[tuple[int, int]]:
    for active, child, parent, kind in _columns(found, meter, "active", "sourceId", "destinationId", "typeId"):
        if active == "1" and kind == IS_A:
            yield int(child), int(parent)


def _preferred(found: Sequence[Member], meter: Meter) -> Iterator[tuple[int, int]]:
    names = ("active", "refsetId", "referencedComponentId", "acceptabilityId")
    for active, refset, description, acceptability in _columns(found, meter, *names):
        if active == "1" and acceptability == PREFERRED:
            yield int(description), int(refset)


def _terms(found: Sequence[Member], meter: Meter) -> Iterator[tuple[int, int, str, int, str]]:
    names = ("id", "active", "conceptId", "languageCode", "typeId", "term")
    for number, active, concept, language, kind, term in _columns(found, meter, *names):
        if active == "1":
            yield int(concept), int(number), language, int(kind), term


def _concepts(found: Sequence[Member], meter: Meter) -> Iterator[tuple[int, str, str, str, str]]:
    names = ("id", "active", "effectiveTime", "moduleId", "definitionStatusId")
    for number, *rest in _columns(found, meter, *names):
        active, time, module, definition = rest
        yield int(number), active, time, module, definition


_NAMES = """
SELECT d.concept, d.language, d.kind, d.term, EXISTS(SELECT 1 FROM preferred p WHERE p.description=d.id AND p.refset=?),
    EXISTS(SELECT 1 FROM preferred p WHERE p.description=d.id)
FROM description d ORDER BY d.concept, d.id
"""


def _joined(staged: Staging, refset: int) -> Iterator[Entry]:
    """The concepts with all that belongs to each, read side by side in the order of their numbers."""
    concepts = staged.rows("SELECT id, active, time, module, definition FROM concept ORDER BY id")
    names = _grouped(staged.rows(_NAMES, refset))
    steps = _grouped(staged.rows("SELECT DISTINCT child, parent FROM step ORDER BY child, parent"))
    for row in concepts:
        yield _entry(row, names(row[0]), steps(row[0]))


def _grouped(rows: Iterator[tuple[Any, ...]]) -> Any:
    """A function that answers the rows of a number; asked for numbers that only rise."""
    groups = groupby(rows, key=itemgetter(0))
    at: list[Any] = [None, ()]

    def of(number: int) -> Sequence[tuple[Any, ...]]:
        while at[0] is None or at[0] < number:
            key, group = next(groups, (float("inf"), iter(())))
            at[:] = [key, tuple(group)]
        return at[1] if at[0] == number else ()

    return of


def _entry(row: Sequence[Any], names: Sequence[Sequence[Any]], steps: Sequence[Sequence[Any]]) -> Entry:
    number, active, time, module, definition = row
    properties: list[dict[str, Any]] = [
        {"code": "inactive", "valueBoolean": active != "1"},
        {"code": "sufficientlyDefined", "valueBoolean": definition == DEFINED},
        {"code": "moduleId", "valueCode": module},
    ]
    if len(time) == 8 and time.isdigit():
        properties.append({"code": "effectiveTime", "valueDateTime": f"{time[:4]}-{time[4:6]}-{time[6:]}"})
    return Entry(
        str(number),
        _display(names),
        None,
        tuple(_designation(*one[1:4]) for one in names),
        tuple(properties),
        tuple(str(parent) for _, parent in steps),
        inactive=active != "1",
    )


def _display(names: Sequence[Sequence[Any]]) -> str | None:
    """The preferred synonym of the reference set, else of any, else any synonym, else the fully specified name."""

    def rank(one: Sequence[Any]) -> tuple[bool, bool, bool]:
        return (str(one[2]) == SYNONYM, bool(one[4]), bool(one[5]))

    return str(max(names, key=rank)[3]) if names else None


def _designation(language: str, kind: int, term: str) -> dict[str, Any]:
    use = {"system": URL, "code": str(kind), "display": _USES.get(str(kind), "Description")}
    return {"language": language, "use": use, "value": term}
