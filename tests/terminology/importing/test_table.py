"""Tables of any kind become code systems by declared columns."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from countyfhir.terminology.importing.kinds import kind_of
from countyfhir.terminology.importing.order import ImportProblem, Order
from countyfhir.terminology.knowledge import Terminology
from tests.terminology.importing.conftest import BringIn

URL = "https://fhir.county-hc.example/cs/wards"


def test_columns_are_declared(imported: BringIn, terminology: Terminology, tmp_path: Path) -> None:
    """Parents make a hierarchy, other columns properties; the file may be GB18030 with semicolons."""
    table = tmp_path / "wards.csv"
    table.write_bytes("号;叫;上;楼\nA;内科;;1\nA1;心内科;A;2\nA1;重复;A;2\n;无号;;\n".encode("gb18030"))
    said = {"code": "号", "display": "叫", "parent": "上", "property:floor": "楼"}
    (written,) = imported(table, "table", system=URL, version="1", columns=said)
    assert (written.concepts, written.repeated) == (2, 1)
    assert written.notes == ("1 rows have no code and were passed over",)
    assert terminology.subsumes(URL, "A", "A1") == "subsumes"
    found = terminology.resolver.code_system(URL)
    assert found is not None
    assert found.properties(found.concept("A1")) == [{"code": "floor", "valueString": "2"}]


def test_a_workbook_is_a_table(imported: BringIn, terminology: Terminology, tmp_path: Path) -> None:
    """Numbers in cells are codes without a decimal point."""
    book = openpyxl.Workbook()
    book.active.append(["编码", "名称", "英文名称"])
    book.active.append([101, "青霉素", "Penicillin"])
    book.save(tmp_path / "list.xlsx")
    imported(tmp_path / "list.xlsx", system=URL, version="1")
    assert terminology.displays(URL, "101") == ("青霉素", "Penicillin")


@pytest.mark.parametrize(
    ("text", "said", "reason"),
    [
        ("a,b\n1,2\n", {"system": URL, "version": "1"}, "no column has the codes"),
        ("code,b\n1,2\n", {"system": URL, "version": "1", "columns": {"display": "c"}}, "there is no column 'c'"),
        ("code,b\n1,2\n", {"system": URL, "version": "1", "columns": {"colour": "b"}}, "not 'colour'"),
        ("code,b\n1,2\n", {}, "--system URL"),
        ("code,display\n", {"system": URL, "version": "1"}, "no concept"),
    ],
)
def test_what_cannot_be_read_says_why(
    imported: BringIn, tmp_path: Path, text: str, said: dict[str, object], reason: str
) -> None:
    """One sentence each."""
    (tmp_path / "list.csv").write_text(text, "utf-8")
    with pytest.raises(ImportProblem, match=reason):
        imported(tmp_path / "list.csv", "table", **said)


def test_a_failure_leaves_what_was_there(imported: BringIn, terminology: Terminology, tmp_path: Path) -> None:
    """A file that breaks off in the middle changes nothing."""
    table = tmp_path / "list.csv"
    table.write_text("code,display\nA,一\n", "utf-8")
    imported(table, "table", system=URL, version="1")
    table.write_bytes(b"code,display\n" + b"".join(b"B%d,x\n" % number for number in range(6_000)) + b"\xff\xff\n")
    with pytest.raises(ImportProblem, match="--encoding"):
        imported(table, "table", system=URL, version="1", encoding="utf-8")
    assert terminology.knows_code(URL, "A")
    assert terminology.knows_code(URL, "B1") is False


def test_versions_stand_side_by_side(imported: BringIn, terminology: Terminology, tmp_path: Path) -> None:
    """The newest counts where none is named; the same version again is replaced."""
    for version, code in (("9", "OLD"), ("10", "NEW"), ("10", "NEWER")):
        (tmp_path / "list.csv").write_text(f"code,display\n{code},x\n", "utf-8")
        imported(tmp_path / "list.csv", "table", system=URL, version=version)
    assert terminology.knows_code(URL, "NEWER")
    assert terminology.knows_code(URL, "OLD") is False
    assert terminology.knows_code(URL, "OLD", "9")
    assert terminology.knows_code(URL, "NEW", "10") is False


@pytest.mark.parametrize(
    ("header", "row", "kind"),
    [
        ("药品代码,注册名称,剂型", "XC08CAB037A001020180517,苯磺酸氨氯地平片,片剂", "nhsa-drugs"),
        ("耗材代码,医保通用名", "C0101010010000100001,导管", "nhsa-consumables"),
        ("code,display", "I10.x00x002,高血压", "icd10"),
        ("code,display", "06.2x00x001,甲状腺部分切除术", "icd9cm3"),
        ("code,display", "anything,else", "table"),
    ],
)
def test_tables_show_what_they_are(tmp_path: Path, header: str, row: str, kind: str) -> None:
    """By the names of their columns or the form of their codes."""
    (tmp_path / "list.csv").write_text(f"{header}\n{row}\n", "utf-8")
    assert kind_of(Order(tmp_path / "list.csv")) == kind


def test_drugs_stand_below_their_class(imported: BringIn, terminology: Terminology, tmp_path: Path) -> None:
    """The groups are read off the 23 characters of the national code."""
    (tmp_path / "drugs.csv").write_text(
        "药品代码,注册名称,剂型,生产企业\nXC08CAB037A001020180517,苯磺酸氨氯地平片,片剂,某药厂\n", "utf-8"
    )
    (written,) = imported(tmp_path / "drugs.csv", version="2026")
    assert written.url == "https://fhir.county-hc.example/cs/nhsa-drug"
    below = terminology.below(written.url, "XC08CA")
    assert below is not None
    assert "XC08CAB037A001020180517" in below


def test_a_code_that_comes_again_much_later_is_passed_over(
    imported: BringIn, terminology: Terminology, tmp_path: Path
) -> None:
    """In a later piece of the stream, too; what comes after it is written."""
    rows = "".join(f"C{number},x\n" for number in range(5_001))
    (tmp_path / "list.csv").write_text(f"code,display\n{rows}C1,again\nC2,again\nLAST,y\n", "utf-8")
    (written,) = imported(tmp_path / "list.csv", "table", system=URL, version="1")
    assert (written.concepts, written.repeated) == (5_002, 2)
    assert terminology.displays(URL, "C1") == ("x",)
    assert terminology.knows_code(URL, "LAST")
