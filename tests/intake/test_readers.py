"""Readers give what a person sees in the file, and refuse what is not as declared."""

from __future__ import annotations

import csv
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from countyfhir.intake.readers.formats import READERS
from countyfhir.intake.reading import Unreadable
from countyfhir.mapping.record import Format


def csv_format(**more: object) -> Format:
    return Format("csv", "x.csv", ("A",), **more)  # type: ignore[arg-type]


def test_csv_in_gb18030_with_four_byte_characters_and_quoted_line_ends(tmp_path: Path) -> None:
    """㙍 is outside GBK; a cell may hold the delimiter and a line end."""
    path = tmp_path / "x.csv"
    path.write_bytes('A,B\r\n㙍,"一,\r\n二"\r\nNULL,—\r\n'.encode("gb18030"))
    first, second = READERS["csv"].records(path, csv_format(encoding="gb18030"))
    assert first.row == {"A": "㙍", "B": "一,\r\n二"}
    assert second.row == {"A": None, "B": None}


@pytest.mark.parametrize(
    ("encoding", "text", "problem"),
    [
        ("utf-8", "A\n张三\n".encode("gb18030"), "not utf-8"),
        ("gb18030", "A\n张三\n".encode(), "is UTF-8"),
        ("gb18030", "\ufeffA\n张三\n".encode(), "is UTF-8"),
        ("gb18030", b"A\n\xff\xff\n", "not gb18030"),
        ("gb18030", "A\n锟斤拷锟斤拷\n锟斤拷\n".encode("gb18030"), "converted twice"),
        ("utf-8", "A\nå¼\u00a0ä¸\u0089\n".encode(), "converted twice"),
    ],
)
def test_wrong_declarations_and_damaged_files_are_refused(
    tmp_path: Path, encoding: str, text: bytes, problem: str
) -> None:
    """M29f: refused, never repaired."""
    path = tmp_path / "x.csv"
    path.write_bytes(text)
    assert problem in str(READERS["csv"].inspect(path, csv_format(encoding=encoding)).problem)


@pytest.mark.parametrize("text", ["张三", "一", "阿不都·热西提", "plain"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gb18030-sig"])
def test_an_encoding_that_is_not_declared_is_found_out(tmp_path: Path, encoding: str, text: str) -> None:
    """UTF-8 and GB 18030, with and without a byte order mark, of every format that does not say it itself."""
    mark, codec = ("\ufeff", encoding.removesuffix("-sig")) if encoding.endswith("-sig") else ("", encoding)
    files = {
        "csv": f"{mark}A\n{text}\n",
        "jsonl": f'{mark}{{"A": "{text}"}}\n',
        "json": f'{mark}[{{"A": "{text}"}}]',
        "fixed": f"{mark}{text.ljust(20)}\n",
    }
    for name, content in files.items():
        path = tmp_path / f"x.{name}"
        path.write_bytes(content.encode(codec))
        declared = Format(name, path.name, ("A",), "detect", positions=(("A", 1, 20),), counted="characters")
        assert READERS[name].inspect(path, declared).problem is None
        assert [one.row for one in READERS[name].records(path, declared)] == [{"A": text}]


def test_what_is_neither_encoding_is_refused(tmp_path: Path) -> None:
    """What was found out must hold for the whole file; UTF-16 is called by its name."""
    path = tmp_path / "x.csv"
    for content, problem in (
        ("A\n张三\n".encode("gb18030") + b"\xff\xff\n", "not UTF-8 or GB 18030 throughout"),
        ("A\n张三\n".encode("utf-16"), "is UTF-16"),
    ):
        path.write_bytes(content)
        assert problem in str(READERS["csv"].inspect(path, csv_format(encoding="detect")).problem)


def test_json_in_another_encoding_is_said_without_its_content(tmp_path: Path) -> None:
    """The message is shown and logged: it names no value of a record."""
    path = tmp_path / "x.json"
    path.write_bytes('[{"A": "张三", "ID": "37052319550312141X"}]'.encode("gb18030"))
    problem = str(READERS["json"].inspect(path, Format("json", "x.json", ("A",))).problem)
    assert problem.startswith("the file is not JSON in UTF-8: lexical error")
    assert "3705" not in problem
    assert [one.row["A"] for one in READERS["json"].records(path, Format("json", "x.json", ("A",), "gbk"))] == ["张三"]


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """Nobody knows which of two telephone columns is meant; one that the mapping does not use may stand twice."""
    path = tmp_path / "x.csv"
    path.write_text("A,B,A\n1,2,3\n", "utf-8")
    with pytest.raises(Unreadable, match="A stand more than once"):
        list(READERS["csv"].records(path, csv_format()))
    path.write_text("A,B,B\n1,2,3\n", "utf-8")
    assert len(list(READERS["csv"].records(path, csv_format()))) == 1


def test_a_quotation_mark_that_is_never_closed_costs_one_row(tmp_path: Path) -> None:
    """At the end of the file, before another one, in each row, in a cell larger than one may be; cells of several lines
    stay whole, and a row of a wrong number of cells that has one stays one row."""
    path = tmp_path / "x.csv"

    def read(text: str) -> list[tuple[list[object], str | None]]:
        path.write_text("A,B\n" + text, "utf-8")
        return [(list(one.row.values()), one.problem) for one in READERS["csv"].records(path, csv_format())]

    whole = '1,"a\nb"\n2,"x,\ny"\n'
    assert read(whole) == [(["1", "a\nb"], None), (["2", "x,\ny"], None)]
    assert read('1,"a\n2,b\n3,c\n') == [(["1", "a\n"], "row-shape"), (["2", "b"], None), (["3", "c"], None)]
    found = read('1,a\n"2,b\n3,c\n4,"d"\n"5,e\n6,f\n7,"g\nh"\n')
    assert [row[0] for row, problem in found if problem is None] == ["1", "3", "4", "6", "7"]
    assert [problem for _, problem in found].count("row-shape") == 2
    assert [problem for _, problem in read('1,"a\nb",c\n2,d\n')] == ["row-shape", None]
    usual = csv.field_size_limit(100)
    try:
        assert read('"1,' + "x\n" * 100 + "2,b\n")[-1] == (["2", "b"], None)
    finally:
        csv.field_size_limit(usual)


def test_a_few_damaged_cells_do_not_make_a_damaged_file(tmp_path: Path) -> None:
    """They are held back one by one."""
    path = tmp_path / "x.csv"
    path.write_text("A\n张三\n李四\n锟斤拷\n王五\n", "utf-8")
    facts = READERS["csv"].inspect(path, csv_format())
    assert (facts.problem, facts.records) == (None, 4)


def test_a_missing_column_is_said(tmp_path: Path) -> None:
    """The message names the column."""
    path = tmp_path / "x.csv"
    path.write_text("B\n1\n", "utf-8")
    with pytest.raises(Unreadable, match="A are not in the header"):
        list(READERS["csv"].records(path, csv_format()))


def test_workbook_cells_are_text_as_seen(tmp_path: Path) -> None:
    """Numbers without '.0', dates in ISO, numbers too large for a spreadsheet with their exponent."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("表")
    sheet.append(["A", "B", "C", "D", "E"])
    sheet.append([60.0, 59.5, date(2025, 3, 8), datetime(2025, 3, 8, 9, 30), 370523195503121411])
    sheet.append([None, None, None, None, None])
    sheet.append(["0012", None, None, None, True])
    path = tmp_path / "x.xlsx"
    book.save(path)
    declared = Format("xlsx", "x.xlsx", ("A",), sheet="表")
    first, second = READERS["xlsx"].records(path, declared)
    assert [first.row[name] for name in "ABD"] == ["60", "59.5", "2025-03-08 09:30:00"]
    assert first.row["C"].startswith("2025-03-08")
    assert "e+17" in first.row["E"]
    assert (second.row["A"], second.number) == ("0012", 2)
    with pytest.raises(Unreadable, match="无此表"):
        list(READERS["xlsx"].records(path, Format("xlsx", "x.xlsx", ("A",), sheet="无此表")))


def test_json_lines_keep_digits_and_say_which_line_is_none(tmp_path: Path) -> None:
    """A line that is no object is a record of its own, for the quarantine."""
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1.50, "b": ["x"]}\n\nnot json\n[1]\n', "utf-8")
    first, second, third = READERS["jsonl"].records(path, Format("jsonl", "x.jsonl", ("a",)))
    assert first.row == {"a": Decimal("1.50"), "b": ["x"]}
    assert str(first.row["a"]) == "1.50"
    assert (second.problem, third.problem, third.number) == ("not-json", "not-json", 3)


def test_reading_is_a_stream(tmp_path: Path) -> None:
    """The first record comes without the file having been read to its end."""
    path = tmp_path / "x.csv"
    with path.open("w", encoding="utf-8") as stream:
        stream.write("A\n" + "张三\n" * 200_000)
    records = READERS["csv"].records(path, csv_format())
    assert next(records).row == {"A": "张三"}
    records.close()  # type: ignore[attr-defined]
