"""Tables: CSV or XLSX with a column of codes, of displays and, as declared, of parents, definitions, designations and
properties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from countyfhir.terminology.concepts import Entry
from countyfhir.terminology.importing.opening import Member, Meter, delimited, members
from countyfhir.terminology.importing.order import Import, ImportProblem, Order, header

ALIASES: Mapping[str, tuple[str, ...]] = {
    "code": ("code", "编码", "代码", "编号"),
    "display": ("display", "名称", "name", "term"),
    "english": ("english", "英文名称", "en"),
    "definition": ("definition", "说明", "定义"),
    "parent": ("parent", "上级编码", "上级代码", "父级编码", "父编码"),
    "inactive": ("inactive", "停用"),
}
"""What a column may be, and the names under which it is found when nothing is declared."""

TRUE = frozenset({"1", "true", "t", "y", "yes", "是", "停用"})
PROPERTY = "property:"
DESIGNATION = "designation:"


@dataclass(frozen=True, slots=True)
class Columns:
    """Where things stand in a row; properties and designations by name."""

    code: int
    display: int | None = None
    english: int | None = None
    definition: int | None = None
    parent: int | None = None
    inactive: int | None = None
    properties: Mapping[str, int] = field(default_factory=dict)
    designations: Mapping[str, int] = field(default_factory=dict)


def read(order: Order, aliases: Mapping[str, tuple[str, ...]] = ALIASES) -> tuple[Columns, Iterator[list[str]]]:
    """The columns of the table and its rows."""
    rows = rows_of(order)
    names = [name.strip() for name in next(rows, [])]
    return columns(names, order, aliases), rows


def rows_of(order: Order) -> Iterator[list[str]]:
    """The rows of a CSV or XLSX file, the header first."""
    found = members(order.path)
    if len(found) != 1:
        raise ImportProblem(f"{order.path} holds {len(found)} files; a table is one")
    if order.path.suffix.lower() in (".xlsx", ".xls", ".ods"):
        return _sheet(order, found[0])
    return delimited(found[0], Meter(order.tell, found[0].size), order.encoding)


def _sheet(order: Order, member: Member) -> Iterator[list[str]]:
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_path(order.path)
        sheet = book.get_sheet_by_name(order.sheet) if order.sheet else book.get_sheet_by_index(0)
    except (python_calamine.CalamineError, python_calamine.WorksheetNotFound) as error:
        raise ImportProblem(f"{member.name} cannot be read as a workbook: {error}") from error
    for row in sheet.iter_rows():
        yield [_cell(cell) for cell in row]
    order.tell(member.size, member.size)


def _cell(cell: object) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def columns(names: Sequence[str], order: Order, aliases: Mapping[str, tuple[str, ...]] = ALIASES) -> Columns:
    """The columns as declared (``code=编码``, ``property:dose=规格``), else by their usual names. ImportProblem for one
    that is not there, and when no column has the codes."""
    at = {name.lower(): place for place, name in enumerate(names)}
    found: dict[str, int] = {}
    inside: dict[str, dict[str, int]] = {PROPERTY: {}, DESIGNATION: {}}
    for role, name in order.columns.items():
        if name.lower() not in at:
            raise ImportProblem(f"there is no column '{name}'; there are {', '.join(names[:12])}")
        begin = next((begin for begin in inside if role.startswith(begin)), None)
        if begin is not None:
            inside[begin][role.removeprefix(begin)] = at[name.lower()]
        elif role in ALIASES:
            found[role] = at[name.lower()]
        else:
            raise ImportProblem(
                f"a column is one of {', '.join(ALIASES)}, property:NAME, designation:LANGUAGE, not '{role}'"
            )
    for role, usual in aliases.items():
        place = next((at[name.lower()] for name in usual if name.lower() in at), None)
        if place is None or place in found.values():
            continue
        if role.startswith(PROPERTY):
            inside[PROPERTY].setdefault(role.removeprefix(PROPERTY), place)
        else:
            found.setdefault(role, place)
    if "code" not in found:
        raise ImportProblem(
            f"no column has the codes: declare it (--column code=NAME); there are {', '.join(names[:12])}"
        )
    return Columns(**found, properties=inside[PROPERTY], designations=inside[DESIGNATION])


def entries(where: Columns, rows: Iterator[list[str]], notes: list[str]) -> Iterator[Entry]:
    """Each row as a concept; rows without a code are counted in ``notes``."""
    without = 0
    for row in rows:
        code = _at(row, where.code)
        if code is None:
            without += any(cell.strip() for cell in row)
            continue
        yield entry(code, where, row)
    if without:
        notes.append(f"{without} rows have no code and were passed over")


def entry(code: str, where: Columns, row: Sequence[str]) -> Entry:
    """One row as a concept."""
    parent, inactive = _at(row, where.parent), _at(row, where.inactive)
    english = [("en", where.english)] if where.english is not None else []
    named = [(language, _at(row, place)) for language, place in chain(english, where.designations.items())]
    valued = [(name, _at(row, place)) for name, place in where.properties.items()]
    return Entry(
        code,
        _at(row, where.display),
        _at(row, where.definition),
        tuple({"language": language, "value": text} for language, text in named if text),
        tuple({"code": name, "valueString": text} for name, text in valued if text),
        (parent,) if parent and parent != code else (),
        inactive=inactive is not None and inactive.lower() in TRUE,
    )


def _at(row: Sequence[str], place: int | None) -> str | None:
    return (row[place].strip() or None) if place is not None and place < len(row) else None


def declared(where: Columns) -> list[dict[str, str]]:
    """The properties as CodeSystem.property declares them."""
    return [{"code": name, "type": "string"} for name in where.properties]


def table(order: Order) -> Import:
    """A table as a code system; its address must be said."""
    if not order.system or not order.version:
        raise ImportProblem("a table does not say what it is: give --system URL and --version TEXT")
    where, rows = read(order)
    notes: list[str] = []
    head = header(order.system, order.version, order.title or order.path.stem)
    if where.properties:
        head["property"] = declared(where)
    return Import(head, entries(where, rows, notes), notes)
