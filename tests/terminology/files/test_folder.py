"""Files in the short form become FHIR resources, or say what is wrong with them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from countyfhir.terminology.files.folder import in_file, resources
from countyfhir.terminology.files.text import TerminologyFileError
from countyfhir.terminology.files.value_set import icd_pattern
from countyfhir.terminology.knowledge import open_terminology
from countyfhir.validation import structure

ROOT = Path(__file__).resolve().parents[3]
LOCAL = "https://fhir.county-hc.example"


def made(tmp_path: Path, text: str) -> list[dict[str, Any]]:
    """The resources of a file with this text."""
    (tmp_path / "one.yaml").write_text(text, "utf-8")
    return in_file(tmp_path / "one.yaml")


def test_every_example_of_the_page_is_good(tmp_path: Path) -> None:
    """docs/add-a-code-system.md: each block is read and valid."""
    text = (ROOT / "docs" / "add-a-code-system.md").read_text("utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    found = [resource for block in blocks for resource in made(tmp_path, block)]
    assert len(blocks) == 6
    assert [issue for resource in found for issue in structure.check(resource) if issue.severity == "error"] == []


def test_a_code_system_in_full(tmp_path: Path) -> None:
    """Codes stay text, English stands beside Chinese, children below, the value set of all codes with it."""
    system, value_set = made(
        tmp_path,
        'code-system: x\nversion: "1"\ntitle: 表\nenglish: A table\nproperties: {n: integer}\nconcepts:\n'
        "  01: 甲 | First\n  no: {display: 乙, properties: {n: 2}, children: {y: 丙}}\n",
    )
    assert (system["url"], value_set["url"]) == (f"{LOCAL}/cs/x", f"{LOCAL}/vs/x")
    assert system["count"] == 3
    assert system["concept"][0] == {
        "code": "01",
        "display": "甲",
        "designation": [{"language": "en", "value": "First"}],
    }
    assert system["concept"][1]["property"] == [{"code": "n", "valueInteger": 2}]
    assert system["concept"][1]["concept"] == [{"code": "y", "display": "丙"}]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("code-system: x\nconcepts:\n  1: a\n  1: b\n", "second time"),
        ("code-system: x\nconcepts:\n  1: {display: a, children: {1: b}}\n", "second time"),
        ("code-system: x\ncolour: red\n", "no 'colour'"),
        ("code-system: x\nconcepts:\n  1: {display: a, properties: {n: 1}}\n", "not declared"),
        ("value-set: x\n", "includes something"),
        ("value-set: x\ninclude: [{system: a, starts: b}]\n", "no 'starts'"),
        ("concept-map: x\nsource: a\ntarget: b\nmap: {1: '? 2'}\n", "before a target's code"),
        ("dictionary: Hospital\nversion: '1'\ntable: T\ncolumn: C\nconcepts: {1: a}\n", "source/table/column"),
        ("naming-system: x\n", "has an oid"),
        ("colour: red\n", "begins with one of"),
        ("resourceType: Patient\n", "not terminology"),
        ("- a\n", "mapping of keys"),
        ("code-system: [\n", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, reason: str) -> None:
    """With the name of the file."""
    with pytest.raises(TerminologyFileError, match=f"one.yaml.*{reason}"):
        made(tmp_path, text)


@pytest.mark.parametrize(
    ("category", "code", "fits"),
    [
        ("I10", "I10", True),
        ("I10", "I10.x00x002", True),
        ("I10", "I100", True),
        ("I10", "I1", False),
        ("H36.0", "H36.0*", True),
        ("H36.0", "E11.300x011+H36.0*", True),
        ("H36.0", "H36.8*", False),
        ("E11", "E11.300x011+H36.0*", True),
        ("E11", "X+E11", True),
        ("E1", "XE11", False),
    ],
)
def test_categories_as_patterns(category: str, code: str, fits: bool) -> None:
    """A code fits by its beginning or by that of the part after the plus sign."""
    assert bool(re.fullmatch(icd_pattern([category]), code)) is fits


def test_only_what_changed_is_read_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A new file is known at the next start, a broken one keeps what was there, one that is gone is forgotten."""
    folder, index = tmp_path / "terminology", tmp_path / "index"
    folder.mkdir()
    file = folder / "x.yaml"

    def codes() -> list[bool | None]:
        opened = open_terminology(index, [folder])
        opened.prepare()
        try:
            return [opened.knows_code(f"{LOCAL}/cs/x", code) for code in ("a", "b")]
        finally:
            opened.close()

    file.write_text("code-system: x\nconcepts: {a: 甲}\n", "utf-8")
    assert codes() == [True, False]
    file.write_text("code-system: x\nconcepts: {b: 乙乙}\n", "utf-8")
    assert codes() == [False, True]
    file.write_text("code-system: [", "utf-8")
    assert codes() == [False, True]
    assert "x.yaml" in caplog.text
    file.unlink()
    assert codes() == [None, None]


def test_tables_of_mapping_files_are_passed_over(tmp_path: Path) -> None:
    """What lies in code-maps/ is no terminology resource."""
    (tmp_path / "code-maps").mkdir()
    (tmp_path / "code-maps" / "a.yaml").write_text("title: x\ntable: {1: a}\n", "utf-8")
    assert list(resources([tmp_path])) == []
