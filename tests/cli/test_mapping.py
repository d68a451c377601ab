"""Mapping files are checked and tested, and one is proposed for a file that nobody knows."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import openpyxl
import pytest

from tests.cli.conftest import Run

VENDOR = (
    "DAH;HZXM;XB;CSRQ;SFZH;LXDH;JZRQ;SSY;SZY;TZ;ZDMC;XGSJ\n"
    "A001;周 桂芬;2;1955.3.12;370523195503120025;13812345678;2025/4/1;142;88;61.5;"
    "高血压病；2型糖尿病？;2025-04-01 09:00\n"
    "A002;吴大山;1;1968-07-15;无;13912345678;2025/4/2;131;79;70;感冒;2025-04-02 09:00\n"
    "A003;郑小兰;2;65岁;;;2025/4/3;88;140;55;;2025-04-03 09:00\n"
    "A004;????;1;1970-01-02;;;2025/4/3;120;80;66;;2025-04-03 09:00\n"
)
"""An invented vendor: semicolons, GB 18030, column names by the initials of pinyin."""


def vendor_file(folder: Path) -> Path:
    path = folder / "xinhe" / "jzlog.csv"
    path.parent.mkdir()
    path.write_bytes(VENDOR.encode("gb18030"))
    return path


def test_an_unknown_file_is_served_after_a_proposal(run: Run, tmp_path: Path) -> None:
    """new, check, rehearse, take in: the skeleton loads as it is, and finds name, sex, birth, pressure, diagnoses."""
    vendor_file(tmp_path)
    made = run("mapping", "new", "xinhe/jzlog.csv", "--to", "mappings/xinhe")
    assert made.code == 0, made.err
    text = (tmp_path / "mappings" / "xinhe" / "jzlog.yaml").read_text("utf-8")
    assert 'delimiter: ";"' in text
    assert "encoding: gb18030" in text
    assert "HZXM  # 4 of 4 filled; text; 4 distinct" in text
    assert "周" not in text
    checked = run("mapping", "check", "mappings/xinhe")
    assert checked.code == 0, checked.out
    rehearsed = run("intake", "xinhe", "--mappings", "mappings", "--dry-run")
    assert rehearsed.code == 0, rehearsed.err
    taken = run("intake", "xinhe", "--mappings", "mappings", "--report", "report.ndjson")
    assert taken.code == 0, taken.err
    lines = [json.loads(line) for line in (tmp_path / "report.ndjson").read_text("utf-8").splitlines()]
    found = {line["key"]: line for line in sorted(lines, key=lambda line: line["record"])}
    assert [found[f"DAH=A00{n}"]["outcome"] for n in (1, 2, 3, 4)] == ["stored", "stored", "stored", "quarantined"]
    kinds = sorted(reference.partition("/")[0] for reference in found["DAH=A001"]["resources"])
    assert kinds == ["Condition", "Condition", "Observation", "Observation", "Patient"]
    assert {issue["code"] for issue in found["DAH=A003"]["issues"]} == {"M08", "M11q"}
    assert not [
        value for value in ("周", "吴", "370523", "13812345678") if value in json.dumps(lines, ensure_ascii=False)
    ]


def test_a_table_and_a_workbook_are_proposed_for(run: Run, tmp_path: Path) -> None:
    """dBase by its descriptors; what cannot be read is one line."""
    field = b"BRXM".ljust(11, b"\0") + b"C" + bytes(4) + bytes([8, 0]) + bytes(14)
    head = b"\x03" + bytes(3) + struct.pack("<IHH", 1, 65, 9) + bytes(20) + field + b"\r"
    (tmp_path / "br.dbf").write_bytes(head + b" " + "李四".encode("gb18030").ljust(8) + b"\x1a")
    made = run("mapping", "new", "br.dbf")
    assert "format: dbf" in made.out
    assert "-> Patient.name?" in made.out
    (tmp_path / "notes.doc").write_bytes(b"x")
    assert run("mapping", "new", "notes.doc").code == 2


def test_golden_cases_say_where_they_differ(run: Run, tmp_path: Path) -> None:
    """A changed expectation, a missing issue, a file that is no mapping: each one line, exit code 1."""
    vendor_file(tmp_path)
    run("mapping", "new", "xinhe/jzlog.csv", "--to", "mappings/xinhe")
    cases = tmp_path / "mappings" / "xinhe" / "cases" / "jzlog.yaml"
    cases.parent.mkdir()
    cases.write_text(
        "- case: a man\n"
        "  record: {DAH: A1, HZXM: 钱 一, XB: 1, SFZH: 无}\n"
        "  resources: [{resourceType: Patient, gender: female, name: [{text: 钱一}]}]\n"
        "  issues: [{code: M08, column: CSRQ}]\n",
        "utf-8",
    )
    done = run("mapping", "test", "mappings/xinhe")
    assert done.code == 1
    assert "Patient.gender is 'male', expected 'female'" in done.out
    assert "the issue M03 SFZH was not expected" in done.out
    assert "the issue M08 CSRQ is missing" in done.out
    (tmp_path / "mappings" / "xinhe" / "other.yaml").write_text("title: x\n", "utf-8")
    broken = run("mapping", "check", "mappings/xinhe")
    assert broken.code == 1
    assert "other.yaml" in broken.out


def test_the_golden_cases_that_ship_agree(run: Run) -> None:
    """Of every mapping that has some."""
    done = run("mapping", "test")
    assert done.code == 0, done.out


def workbook(path: Path) -> None:
    """A sheet of notes, then one with a title, a header of two rows with merged cells, and a sum below the records."""
    book = openpyxl.Workbook()
    book.active.title = "说明"
    sheet = book.create_sheet("体检")
    for row in (
        ["体检登记表"],
        ["编号", "基本信息", None, "血压", None],
        [None, "姓名", "性别", "收缩压", "舒张压"],
        *([f"T{number}", "周桂芬", "2", 130 + number, 80] for number in range(1, 7)),
        [None, "合计", None, 6, None],
    ):
        sheet.append(row)
    for cells in ("A1:E1", "A2:A3", "B2:C2", "D2:E2"):
        sheet.merge_cells(cells)
    book.save(path)


SOAP = "<?xml version='1.0' encoding='{}'?><a><Result><![CDATA[{}]]></Result></a>"
INSIDE = "<D><BR BRID='1'><XM>周桂芬</XM></BR><BR BRID='2'><XM>吴大山</XM></BR></D>"
PEOPLE = '{"data": {"rows": [{"id": 1, "person": {"xm": "周桂芬", "xb": "2"}}, {"id": 2, "person": {"xm": "吴大山"}}]}}'


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("t.xlsx", ["sheet: 体检", "header_row: 3", "header_rows: 2", "key: [编号]", "`血压/收缩压`, `血压/舒张压`"]),
        ("p.json", ['record: "data.rows"', 'xm: "person.xm"', "key: [id]", "encoding: gb18030"]),
        ("s.xml", ["record: BR", "embedded: Result", "BRID: \"`@BRID`\"", "key: [BRID]", 'name: "XM | name"']),
        ("h.csv", ['delimiter: "^"', '"No.1"', "'#'"]),
    ],
)  # fmt: skip
def test_where_the_records_of_a_file_are_is_proposed(run: Run, tmp_path: Path, name: str, lines: list[str]) -> None:
    """Header rows, sheet, list and element are seen; what is proposed loads and reads the file, and shows nobody's
    name."""
    path = tmp_path / "xinhe" / name
    path.parent.mkdir()
    if name == "t.xlsx":
        workbook(path)
    else:
        text = {"p.json": PEOPLE, "s.xml": SOAP.format("GB2312", INSIDE), "h.csv": "No.1^#^XM\n1^2^周\n3^4^吴\n"}[name]
        path.write_bytes(text.encode("gb18030"))
    made = run("mapping", "new", f"xinhe/{name}", "--to", "mappings/xinhe")
    assert made.code == 0, made.err
    (file,) = (tmp_path / "mappings" / "xinhe").glob("[!s]*.yaml" if name != "s.xml" else "s.yaml")
    text = file.read_text("utf-8")
    assert [line for line in lines if line.replace("'", '"') not in text.replace("'", '"')] == []
    assert "周" not in text
    assert run("mapping", "check", "mappings/xinhe").code == 0
    taken = run("intake", "xinhe", "--mappings", "mappings", "--dry-run", "--report", "report.ndjson")
    assert taken.code == 0, taken.err
    told = [json.loads(line)["outcome"] for line in (tmp_path / "report.ndjson").read_text("utf-8").splitlines()]
    assert sorted(told, reverse=True) == ["stored"] * (6 if name == "t.xlsx" else 2) + ["quarantined"] * (
        name == "t.xlsx"
    )


def test_what_nothing_can_be_proposed_for_is_said(run: Run, tmp_path: Path) -> None:
    """In one line that says what to do, and shows nothing of the file."""
    book = openpyxl.Workbook()
    book.save(tmp_path / "empty.xlsx")
    files = {
        "fixed.txt": "001周桂芬 2\n",
        "one.json": '{"姓名": "周桂芬"}',
        "cut.xml": "<a><b>周桂芬</b>",
        "x.csv": "A,B\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    for name, said in (
        ("empty.xlsx", "no sheet has a header"),
        ("fixed.txt", "fixed-width"),
        ("one.json", "no list of objects"),
        ("cut.xml", "not well-formed"),
        ("x.csv", "no record"),
    ):
        done = run("mapping", "new", name)
        assert done.code == 2
        assert said in done.err
        assert "周" not in done.err
