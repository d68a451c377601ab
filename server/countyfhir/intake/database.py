"""SQL views and queries as records: what is new since the last time is written to a file of JSON lines, which then goes
the way of every file; the watermark is kept in the ledger (SQLAlchemy)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql import quoted_name
from sqlalchemy.sql.elements import ColumnClause

from countyfhir.exchange import SourceRecord
from countyfhir.intake.desk import Desk
from countyfhir.intake.inputs import discover
from countyfhir.intake.reading import Unreadable
from countyfhir.intake.report import FileReport, Report
from countyfhir.intake.run import run
from countyfhir.mapping import RecordMapping, Source

FORMAT = "sql"
AT_ONCE = 1000
"""Rows fetched at a time."""
KINDS: Mapping[str, Any] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "number": Decimal,
    "text": str,
}


async def take_databases(
    databases: Mapping[str, str],
    paths: Sequence[Path],
    sources: Sequence[Source],
    named: Mapping[str, Path],
    desk: Desk,
    folder: Path,
) -> Report:
    """Takes in the views of the sources in ``databases`` (name -> SQLAlchemy URL), with files beside them. A view that
    cannot be read is a problem of its own; its watermark stays where it was, so that the next run reads it again."""
    problems: list[FileReport] = []
    marks: dict[str, str] = {}
    extracts = dict(named)
    for source in (one for one in sources if one.name in databases):
        extracts[source.name] = folder / source.name
        extracts[source.name].mkdir(parents=True, exist_ok=True)
        for mapping in (one for one in source.mappings if one.format.format == FORMAT):
            path = extracts[source.name] / mapping.format.file
            try:
                since = await watermark(mapping, desk)
                marks[mapping.name] = await asyncio.to_thread(extract, databases[source.name], mapping, since, path)
            except Unreadable as error:
                problems.append(FileReport(f"{source.name}/{mapping.format.file}", mapping.name, problem=str(error)))
                path.unlink(missing_ok=True)
    report = await run(discover(paths, sources, extracts), desk)
    done = {one.mapping for one in report.files if one.problem is None}
    await remember({name: mark for name, mark in marks.items() if mark and name in done}, desk)
    report.files += problems
    return report


def place(mapping: str) -> str:
    """The ledger's name for how far a view was read."""
    return f"{mapping}#watermark"


async def watermark(mapping: RecordMapping, desk: Desk) -> str:
    """How far the view was read: kind and value, empty for never."""
    rows = await desk.ledger.latest(place(mapping.name), ["watermark"])
    return rows["watermark"].version_key if rows else ""


async def remember(marks: Mapping[str, str], desk: Desk) -> None:
    """Keeps how far views were read."""
    now = int(desk.now() * 1_000_000)
    rows = [
        SourceRecord(place(name), "watermark", mark, "unchanged", "", name, 0, version_key=mark, recorded=now)
        for name, mark in marks.items()
    ]
    if rows:
        await desk.ledger.append(rows)


def statement(mapping: RecordMapping, since: str) -> sqlalchemy.Select[Any]:
    """What is asked: the mapping's columns of its view or query, from the watermark on (rows of that very value again:
    some may have come later), in its order. Names are not quoted, so that every database folds them in its own way."""
    declared = mapping.format
    columns = [column(name) for name in declared.columns]
    source: Any
    if declared.query:
        source = sqlalchemy.text(declared.query).columns(*[column(name) for name in declared.columns]).subquery("q")
        columns = list(source.c)
    else:
        schema, _, view = str(declared.view).rpartition(".")
        name = quoted_name(view, quote=False)
        source = sqlalchemy.table(name, *columns, schema=quoted_name(schema, quote=False) if schema else None)
    asked = sqlalchemy.select(*columns).select_from(source)
    if declared.watermark is None:
        return asked
    mark = columns[declared.columns.index(declared.watermark)]
    if since:
        kind, _, value = since.partition(":")
        asked = asked.where(sqlalchemy.or_(mark >= KINDS[kind](value), mark.is_(None)))
    return asked.order_by(mark)


def column(name: str) -> ColumnClause[Any]:
    """A column whose name is not quoted."""
    return sqlalchemy.column(quoted_name(name, quote=False))


def extract(url: str, mapping: RecordMapping, since: str, path: Path) -> str:
    """Writes the rows as JSON lines, a page at a time; the greatest watermark among them, or ``since``. Unreadable,
    without a password in its message, when the database or the view cannot be read."""
    names, mark, latest = mapping.format.columns, mapping.format.watermark, None
    try:
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection, path.open("w", encoding="utf-8") as out:
            streaming = connection.execution_options(stream_results=True, yield_per=AT_ONCE)
            with closing(streaming.execute(statement(mapping, since))) as rows:
                for row in rows:
                    found = dict(zip(names, row, strict=True))
                    out.write(
                        json.dumps({name: cell(value) for name, value in found.items()}, ensure_ascii=False) + "\n"
                    )
                    if mark is not None and found[mark] is not None:
                        latest = found[mark]
    except (SQLAlchemyError, ImportError, ValueError) as error:
        name = mapping.format.view or "the query"
        raise Unreadable(
            f"{name} cannot be read ({type(error).__name__}); check the address, the driver and the view"
        ) from None
    return since if latest is None else f"{kind_of(latest)}:{written(latest)}"


def cell(value: Any) -> str | None:
    """A value as the text that a file would hold; padding of CHAR columns removed."""
    return None if value is None else written(value).rstrip(" ")


def written(value: Any) -> str:
    """Dates and times in ISO form, numbers with their digits, bytes as hexadecimal."""
    if isinstance(value, datetime):
        return value.isoformat(" ", "microseconds" if value.microsecond else "seconds")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bool):
        return str(int(value))
    return bytes(value).hex() if isinstance(value, (bytes, memoryview)) else str(value)


def kind_of(value: Any) -> str:
    """The kind of a watermark, so that it is compared as what it is."""
    if isinstance(value, datetime):
        return "datetime"
    if isinstance(value, date):
        return "date"
    return "number" if isinstance(value, (int, float, Decimal)) else "text"
