"""DBF, fixed width, JSON, XML and headers of several rows are read as people see them; damage and wrong declarations
are said, never repaired."""

from __future__ import annotations

import struct
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from countyfhir.intake.readers.formats import READERS
from countyfhir.intake.reading import Record, Unreadable
from countyfhir.mapping.record import Format


def declared(kind: str, *columns: str, **more: Any) -> Format:
    return Format(kind, "x", columns, **more)


def read(path: Path, form: Format) -> list[Record]:
    return list(READERS[form.format].records(path, form))


def dbf(
    fields: list[tuple[str, str, int, int]], rows: list[bytes], kind: int = 0x03, count: int | None = None
) -> bytes:
    """A table with the code page byte that is seen in the field: 0x00."""
    start, length = 32 + 32 * len(fields) + 1, 1 + sum(field[2] for field in fields)
    head = struct.pack("<B3sIHH20x", kind, b"\x7e\x01\x05", len(rows) if count is None else count, start, length)
    described = b"".join(
        struct.pack(
            "<11sc4xBB14x", name.encode(), letter.encode(), size % 256, size // 256 if letter == "C" else decimals
        )
        for name, letter, size, decimals in fields
    )
    return head + described + b"\r" + b"".join(rows) + b"\x1a"


def test_dbf_gives_padded_text_numbers_dates_and_the_deleted_mark(tmp_path: Path) -> None:
    """GBK text with a four-byte character, numbers as written, dates in ISO, T/F, rows marked with an asterisk."""
    path = tmp_path / "x.dbf"
    name = "㙍三".encode("gb18030")
    rows = [
        b" " + name.ljust(10) + b"  12.50" + b"20250301" + b"T",
        b"*" + b"gone".ljust(10) + b"       " + b"        " + b"?",
    ]
    path.write_bytes(dbf([("XM", "C", 10, 0), ("TZ", "N", 7, 2), ("RQ", "D", 8, 0), ("ZF", "L", 1, 0)], rows))
    form = declared("dbf", "XM", encoding="gbk")
    assert READERS["dbf"].inspect(path, form).records == 2
    first, second = read(path, form)
    assert first.row == {"XM": "㙍三", "TZ": "12.50", "RQ": "2025-03-01", "ZF": "T"}
    assert not first.deleted
    assert second.row == {"XM": "gone", "TZ": None, "RQ": None, "ZF": None}
    assert second.deleted


def test_dbf_of_visual_foxpro_has_binary_fields(tmp_path: Path) -> None:
    """Integers, doubles, money in ten-thousandths, date and time as Julian day and milliseconds; a long text field."""
    path = tmp_path / "x.dbf"
    moment = struct.pack("<ii", 2460736, (9 * 3600 + 5 * 60 + 7) * 1000)  # 2025-03-01
    row = (
        b" "
        + struct.pack("<i", -7)
        + struct.pack("<d", 5.25)
        + struct.pack("<q", -12345)
        + moment
        + "长".encode("gbk") * 150
    )
    fields = [("I", "I", 4, 0), ("B", "B", 8, 0), ("Y", "Y", 8, 0), ("T", "T", 8, 0), ("L", "C", 300, 0)]
    path.write_bytes(dbf(fields, [row], kind=0x30))
    (record,) = read(path, declared("dbf", "I", encoding="gb18030"))
    assert record.row == {"I": "-7", "B": "5.25", "Y": "-1.2345", "T": "2025-03-01 09:05:07", "L": "长" * 150}


@pytest.mark.parametrize("suffix", ["FPT", "fpt", "DBT"])
def test_dbf_memos_are_read_from_beside_the_table(tmp_path: Path, suffix: str) -> None:
    """FoxPro says the length, dBase III ends the text with 1A; blank fields have no text."""
    path = tmp_path / "x.DBF"
    path.write_bytes(
        dbf([("BZ", "M", 10, 0)], [b"          1"[-11:].rjust(11), b" " * 11], kind=0x83 if suffix == "DBT" else 0xF5)
    )
    text = "长备注".encode("gb18030")
    memo = text + b"\x1a" if suffix == "DBT" else struct.pack(">II", 1, len(text)) + text
    head = struct.pack(">IHH", 2, 0, 512).ljust(512, b"\0")
    (tmp_path / f"x.{suffix}").write_bytes(head + memo)
    form = declared("dbf", "BZ", encoding="gbk")
    assert [record.row["BZ"] for record in read(path, form)] == ["长备注", None]
    (tmp_path / f"x.{suffix}").unlink()
    assert "memo file" in str(READERS["dbf"].inspect(path, form).problem)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"PATNO,NAME\n1,A\n", "not a DBF table"),
        (dbf([("XM", "C", 4, 0)], [b" AAAA"], count=9), "cut short: 1 of 9"),
        (dbf([("XM", "C", 4, 0)], [b" \xff\xff\xff\xff"]), "not gb18030"),
        (dbf([("XM", "C", 8, 0)], [b" " + "锟斤拷".encode("gbk") + b"  "]), "converted twice"),
        (dbf([("XM", "C", 4, 0)], [])[:40], "header"),
    ],
)
def test_what_is_no_sound_dbf_table_is_said(tmp_path: Path, content: bytes, problem: str) -> None:
    """One sentence, before a record is taken."""
    path = tmp_path / "x.dbf"
    path.write_bytes(content)
    assert problem in str(READERS["dbf"].inspect(path, declared("dbf", "XM", encoding="gb18030")).problem)


def test_fixed_width_counts_bytes_as_the_writing_program_did(tmp_path: Path) -> None:
    """A Chinese character takes two places; a line that is too short, or cut inside a character, is told apart."""
    path = tmp_path / "x.txt"
    path.write_bytes("HEAD\r\n0001张三    20250301\r\n0002李\r\n0003A张三   20250302\r\n\r\n\x1a".encode("gb18030"))
    places = (("NO", 1, 4), ("NAME", 5, 8), ("DAY", 13, 8))
    form = declared("fixed", "NO", "NAME", "DAY", encoding="gbk", positions=places, skip=1)
    first, short, third = read(path, form)
    assert first.row == {"NO": "0001", "NAME": "张三", "DAY": "20250301"}
    assert short.problem == "row-shape"
    assert third.row["DAY"] == "20250302"
    cut = declared("fixed", "NO", encoding="gbk", positions=(("NO", 1, 4), ("X", 5, 1)), skip=1)
    assert read(path, cut)[0].problem == "row-shape"
    assert READERS["fixed"].inspect(path, form).records == 3


def test_a_character_that_was_cut_off_damages_its_cell_alone(tmp_path: Path) -> None:
    """Old programs cut a long name at the end of its column; a column that cuts through the text is another matter."""
    path = tmp_path / "x.txt"
    whole, cut = "李四".encode("gb18030") + b"  1", "欧阳娜娜".encode("gb18030")[:5] + b" 2"
    through = "李欧阳".encode("gb18030") + b"2"
    path.write_bytes(b"\n".join([whole, whole, whole, cut, through]) + b"\n")
    declared = Format("fixed", "x.txt", ("A", "B"), "gbk", positions=(("A", 1, 5), ("B", 6, 2)))
    assert READERS["fixed"].inspect(path, declared).problem is None
    *_, short, shifted = READERS["fixed"].records(path, declared)
    assert (short.problem, short.row) == (None, {"A": "欧阳\ufffd", "B": "2"})
    assert shifted.problem == "row-shape"


def test_fixed_width_can_count_characters(tmp_path: Path) -> None:
    """UTF-8 files of newer programs."""
    path = tmp_path / "x.txt"
    path.write_text("\ufeff01张三X\n", "utf-8")
    form = declared("fixed", "NAME", positions=(("NO", 1, 2), ("NAME", 3, 2), ("F", 5, 1)), counted="characters")
    assert read(path, form)[0].row == {"NO": "01", "NAME": "张三", "F": "X"}


def test_json_lists_are_found_by_their_path_and_keep_digits(tmp_path: Path) -> None:
    """A list inside an answer object; decimals as written; what is no object is told apart."""
    path = tmp_path / "x.json"
    path.write_text('\ufeff{"code":0,"data":{"rows":[{"a":"","b":1.50,"c":[{"d":2}]},7]}}', "utf-8")
    form = declared("json", "a", record="data.rows")
    assert READERS["json"].inspect(path, form).records == 2
    first, second = read(path, form)
    assert first.row == {"a": None, "b": Decimal("1.50"), "c": [{"d": 2}]}
    assert str(first.row["b"]) == "1.50"
    assert second.problem == "not-json"


@pytest.mark.parametrize(
    ("text", "record", "problem"),
    [
        (b'{"data":[]}', "data", None),
        (b'{"data":[]}', "rows", "no list of records is at 'rows'"),
        (b"[]", None, None),
        (b'[{"a":1},', None, "not JSON"),
        ('["张"]'.encode("gb18030"), None, "not JSON in UTF-8"),
    ],
)
def test_json_that_is_not_as_declared_is_said(
    tmp_path: Path, text: bytes, record: str | None, problem: str | None
) -> None:
    """An empty list is fine; a missing one is not."""
    path = tmp_path / "x.json"
    path.write_bytes(text)
    found = READERS["json"].inspect(path, declared("json", "a", record=record)).problem
    assert found is None if problem is None else problem in str(found)


def test_xml_records_keep_attributes_repetitions_and_mixed_text(tmp_path: Path) -> None:
    """Namespaces do not matter; comments are no text; an empty element is blank."""
    path = tmp_path / "x.xml"
    path.write_text(
        '<?xml version="1.0"?><r xmlns="urn:x"><row id="1"><XM>张三</XM><!-- no --><BZ/><T u="h">1</T><T>2</T></row>'
        '<row id="2"><XM>李</XM></row></r>',
        "utf-8",
    )
    form = declared("xml", "XM", "@id", record="row")
    assert READERS["xml"].inspect(path, form).records == 2
    first, second = read(path, form)
    assert first.row == {"@id": "1", "XM": "张三", "BZ": None, "T": [{"@u": "h", "#text": "1"}, "2"]}
    assert second.row == {"@id": "2", "XM": "李"}
    with pytest.raises(Unreadable, match="NONE"):
        read(path, declared("xml", "NONE", record="row"))


@pytest.mark.parametrize("form", ["<![CDATA[{}]]>", "escaped"])
def test_xml_inside_the_text_of_a_soap_answer_is_unwrapped(tmp_path: Path, form: str) -> None:
    """CDATA and doubly escaped text alike."""
    inner = "<rows><row><XM>a&amp;b</XM></row></rows>"
    text = form.format(inner) if "{}" in form else inner.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    path = tmp_path / "x.xml"
    path.write_text(f"<Envelope><Body><Result>{text}</Result></Body></Envelope>", "utf-8")
    assert read(path, declared("xml", "XM", record="row", embedded="Result"))[0].row == {"XM": "a&b"}


def test_xml_whose_declaration_lies_is_read_by_the_mapping_or_refused(tmp_path: Path) -> None:
    """A GB2312 header over a UTF-8 body; entities are never fetched or expanded."""
    path = tmp_path / "x.xml"
    path.write_bytes('<?xml version="1.0" encoding="GB2312"?><r><row><XM>张三</XM></row></r>'.encode())
    assert "not well-formed" in str(READERS["xml"].inspect(path, declared("xml", "XM", record="row")).problem)
    forced = declared("xml", "XM", record="row", encoding="utf-8", forced=True)
    assert read(path, forced)[0].row == {"XM": "张三"}
    path.write_text('<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r><row><XM>&e;</XM></row></r>', "utf-8")
    assert read(path, declared("xml", "XM", record="row"))[0].row == {"XM": None}


def test_a_header_of_two_rows_with_merged_cells(tmp_path: Path) -> None:
    """血压 spans 收缩压 and 舒张压; a cell merged downwards is one name; a title row above is no header."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["2025 年门诊日志"], ["姓名", "血压", None], [None, "收缩压", "舒张压"], ["张三", 140, 90.5]):
        sheet.append(row)
    for merged in ("A1:C1", "B2:C2", "A2:A3"):
        sheet.merge_cells(merged)
    path = tmp_path / "x.xlsx"
    book.save(path)
    form = declared("xlsx", "姓名", header_row=3, header_rows=2)
    assert READERS["xlsx"].inspect(path, form).records == 1
    assert read(path, form)[0].row == {"姓名": "张三", "血压/收缩压": "140", "血压/舒张压": "90.5"}
