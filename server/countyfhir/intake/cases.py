"""Golden cases of a mapping: records in, resources and issues expected (``cases/NAME.yaml`` beside the mapping)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from countyfhir.intake.readers.formats import READERS
from countyfhir.intake.reading import Unreadable
from countyfhir.intake.serving import records_of
from countyfhir.mapping import Context, MappedRecord, RecordMapping, apply
from countyfhir.mapping.record import Row
from countyfhir.mapping.yaml_text import Document, read

FOLDER = "cases"
KNOWN = ("case", "record", "text", "lookups", "outcome", "key", "resources", "issues")


@dataclass(frozen=True, slots=True)
class Case:
    """One golden case. ``row`` is the record; ``expected`` what the file says of it."""

    mapping: RecordMapping
    path: Path
    title: str
    row: Row
    context: Context
    expected: Mapping[str, Any]


def cases_of(mapping: RecordMapping) -> list[Case]:
    """The golden cases of a mapping; MappingError with the line for what is not one."""
    path = mapping.path.parent / FOLDER / mapping.path.name
    if not path.exists():
        return []
    document = read(path)
    if not isinstance(document.data, list):
        raise document.error((), "a file of cases is a list: - case: …")
    return [case_of(mapping, document, place, one) for place, one in enumerate(document.data)]


def case_of(mapping: RecordMapping, document: Document, place: int, one: Any) -> Case:
    if not isinstance(one, dict) or not {"case"} <= set(one) <= set(KNOWN) or ("record" in one) == ("text" in one):
        raise document.error((place,), f"a case has 'case', either 'record' or 'text', and of {', '.join(KNOWN[3:])}")
    looked_up = one.get("lookups") or {}
    finders = {name: finder(row) for name, row in looked_up.items()}
    return Case(mapping, document.path, str(one["case"]), row_of(mapping, document, place, one), Context(finders), one)


def finder(row: Row) -> Callable[[str], Row | None]:
    """A lookup that finds this row whatever is asked."""
    found = {name: None if cell is None else str(cell) for name, cell in row.items()}
    return lambda key: found


def row_of(mapping: RecordMapping, document: Document, place: int, one: Mapping[str, Any]) -> Row:
    """The record: cells by column as a reader gives them (text; blanks absent), or a piece of a file (``text``)."""
    if "record" in one:
        cells = one["record"]
        given = dict.fromkeys(mapping.format.columns) | cells
        flat = READERS[mapping.format.format].again.__name__ == "of_row" and "json" not in mapping.format.format
        return {name: cell if cell is None or not flat else str(cell) for name, cell in given.items()}
    encoding = mapping.format.encoding if mapping.format.encoding in ("gb18030", "gbk", "gb2312") else "utf-8"
    try:
        records = records_of(str(one["text"]).encode(encoding), mapping)
    except (Unreadable, ValueError) as error:
        raise document.error((place, "text"), f"the record cannot be read: {error}") from error
    if len(records) != 1 or records[0].problem:
        raise document.error((place, "text"), "the text must hold exactly one record")
    return records[0].row


def made_of(case: Case) -> MappedRecord:
    """What the record of a case becomes."""
    return apply(case.mapping, case.row, case.context)


def differences(case: Case, made: MappedRecord) -> list[str]:
    """How what the record became differs from what the case expects; empty when it agrees. Expected resources name
    the members that matter; every resource that is made must be expected, and every issue."""
    return list(differing(case.expected, made))


def differing(expected: Mapping[str, Any], made: MappedRecord) -> Iterator[str]:
    outcome = expected.get("outcome", "mapped")
    if made.outcome != outcome:
        yield f"the outcome is {made.outcome}, expected {outcome}"
    if "key" in expected and made.key != expected["key"]:
        yield f"the key is {made.key}, expected {expected['key']}"
    told = Counter((finding.code, column) for finding in made.issues for column in finding.columns or ("",))
    wanted = Counter((str(one["code"]), str(one.get("column", ""))) for one in expected.get("issues") or ())
    for code, column in told - wanted:
        yield f"the issue {code} {column} was not expected"
    for code, column in wanted - told:
        yield f"the issue {code} {column} is missing"
    if "resources" in expected:
        yield from differing_resources(expected["resources"] or [], list(made.resources))


def differing_resources(expected: list[Any], made: list[Any]) -> Iterator[str]:
    left = list(made)
    for one in expected:
        found = next((other for other in left if not list(unlike(one, other, ""))), None)
        if found is not None:
            left.remove(found)
            continue
        alike = [other for other in left if other["resourceType"] == one.get("resourceType")]
        nearest = min((list(unlike(one, other, other["resourceType"])) for other in alike), key=len, default=None)
        yield f"no {one.get('resourceType')} is made" if nearest is None else "; ".join(nearest[:3])
        if alike:
            left.remove(min(alike, key=lambda other: len(list(unlike(one, other, "")))))
    for other in left:
        yield f"a {other['resourceType']} is made that was not expected"


def unlike(expected: Any, made: Any, place: str) -> Iterator[str]:
    """Where ``made`` does not hold what is expected. An object may have more members, a list not more items;
    an expected null must be absent."""
    if isinstance(expected, dict) and isinstance(made, dict):
        for name, part in expected.items():
            if part is None and name in made:
                yield f"{place}.{name} is there, expected it absent"
            elif part is not None:
                yield from unlike(part, made.get(name), f"{place}.{name}")
    elif isinstance(expected, list) and isinstance(made, list):
        if len(expected) != len(made):
            yield f"{place} has {len(made)} items, expected {len(expected)}"
        for number, (one, other) in enumerate(zip(expected, made, strict=False)):
            yield from unlike(one, other, f"{place}[{number}]")
    elif not same(expected, made):
        yield f"{place} is {made!r}, expected {expected!r}"


def same(expected: Any, made: Any) -> bool:
    """Numbers by value, words of YAML as the text they stand for."""
    if isinstance(expected, bool) or isinstance(made, bool) or made is None:
        return expected is made
    if isinstance(expected, (int, Decimal)) and isinstance(made, (int, Decimal)):
        return Decimal(expected) == Decimal(made)
    return str(expected) == str(made)
