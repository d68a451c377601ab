"""Mapping files are checked and tested, and one is proposed for a file that nobody knows."""

from __future__ import annotations

import json
import struct
from pathlib import Path

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
