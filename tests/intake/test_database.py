"""SQL views: what is new by the watermark, the same way as files; SQLite for real, others by their dialects."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql

from countyfhir.intake.database import cell, statement, take_databases
from countyfhir.mapping import MappingError, load

if TYPE_CHECKING:
    from .conftest import Bench

MAPPING = """title: 病人
version: 1
source: {format: sql, view: v_patient, watermark: T, file: v_patient.sql, columns: [ID, XM, T]}
record: {key: [ID], version: T | date_time, main: [name]}
values: {name: XM | name}
resources:
  - {type: Patient, key: "{ID}", content: {name: [{text: "{name}"}]}}
"""
DIALECTS: Mapping[str, Any] = {
    "oracle": oracle.dialect(), "mssql": mssql.dialect(), "mysql": mysql.dialect(), "postgresql": postgresql.dialect()
}  # fmt: skip


def rows(path: Path, *given: tuple[object, ...]) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS patient (id TEXT, xm TEXT, t TEXT)")
        connection.execute("CREATE VIEW IF NOT EXISTS v_patient AS SELECT id, xm, t FROM patient")
        connection.executemany("INSERT INTO patient VALUES (?, ?, ?)", given)
    connection.close()


def take(bench: Bench, url: str) -> Any:
    bench.outcomes.clear()

    async def work(world: Any, desk: Any) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            sources = load(bench.folder / "mappings")
            return await take_databases({"s": url}, [], sources, {}, desk, Path(folder).resolve())

    return bench.perform(work)


def test_only_what_is_new_is_read_again(bench: Bench) -> None:
    """The second run reads from the last value of the watermark on; rows of that value are unchanged, corrected rows
    are new versions."""
    bench.mapping(MAPPING)
    database = bench.folder / "his.sqlite"
    url = f"sqlite:///{database}"
    rows(
        database,
        ("1", "张三", "2025-01-01 08:00:00"),
        ("2", "李四 ", "2025-01-02 08:00:00"),
        ("3", None, "2025-01-02 08:00:00"),
    )
    assert dict(take(bench, url).total()) == {"stored": 2, "quarantined": 1, "read": 3}
    rows(database, ("1", "张三丰", "2025-01-03 08:00:00"), ("4", "王五", None))
    total = take(bench, url).total()
    assert (total["read"], total["stored"], total["unchanged"], total["quarantined"]) == (4, 2, 1, 1)
    assert sorted(one["name"][0]["text"] for one in bench.read("Patient")) == ["张三丰", "李四", "王五"]
    assert take(bench, url).total()["stored"] == 0


def test_a_view_that_cannot_be_read_is_told_without_its_address(bench: Bench) -> None:
    """Unknown views, unknown drivers: a problem of the view; no password."""
    bench.mapping(MAPPING)
    for url in (f"sqlite:///{bench.folder / 'empty.sqlite'}", "nowhere://user:secret@host/x", "sqlite:///"):
        (one,) = take(bench, url).files
        assert one.problem
        assert "v_patient" in one.problem
        assert "secret" not in one.problem


@pytest.mark.parametrize("name", DIALECTS)
def test_the_question_compiles_for_other_databases(bench: Bench, name: str) -> None:
    """Names stand unquoted, so that each database folds them itself; schema, watermark and query are in it. (Compiled
    only: no such server runs in the tests.)"""
    bench.mapping(MAPPING)
    ((mapping,),) = (source.mappings for source in load(bench.folder / "mappings"))
    own = replace(mapping, format=replace(mapping.format, view="his.V_PATIENT"))
    text = str(statement(own, "datetime:2025-01-01 08:00:00").compile(dialect=DIALECTS[name]))
    assert "FROM his.V_PATIENT" in text.replace("\n", " ")
    assert "ORDER BY his.V_PATIENT.T" in text.replace("\n", " ").replace("`", "")
    assert '"' not in text
    asked = replace(
        mapping, format=replace(mapping.format, view=None, query="SELECT ID, XM, T FROM A JOIN B USING (ID)")
    )
    assert "JOIN B USING (ID)" in str(statement(asked, "").compile(dialect=DIALECTS[name]))


def test_values_become_text_with_all_their_digits() -> None:
    """As a file would hold them; blanks of CHAR columns go."""
    given = (None, "ab  ", Decimal("1.50"), datetime(2025, 1, 1, 8, 0), date(2025, 1, 1), True)
    assert [cell(one) for one in given] == [None, "ab", "1.50", "2025-01-01 08:00:00", "2025-01-01", "1"]


@pytest.mark.parametrize(
    ("old", "new"), [("view: v_patient, ", ""), ("watermark: T", "watermark: X"), ("v_patient,", '"v; DROP",')]
)
def test_a_wrong_declaration_is_a_mapping_error(bench: Bench, old: str, new: str) -> None:
    bench.mapping(MAPPING.replace(old, new))
    with pytest.raises(MappingError):
        load(bench.folder / "mappings")
