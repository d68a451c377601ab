"""docs/map-a-legacy-system.md is true: its files, taken from the page, give the table that the page shows."""

from __future__ import annotations

import re
from pathlib import Path

from countyfhir.intake.cases import cases_of, differences, made_of
from countyfhir.intake.inputs import discover
from countyfhir.intake.readers.formats import READERS
from countyfhir.mapping import apply, load
from countyfhir.mapping.functions import FUNCTIONS
from countyfhir.validation.structure import check

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "map-a-legacy-system.md").read_text("utf-8")
FILE = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_example_of_the_page_works(tmp_path: Path) -> None:
    """Followed literally: two rows stored, one quarantined, the issues that the page names, valid resources."""
    for name, text in FILE.findall(PAGE):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    sources = load(tmp_path / "mappings")
    (one,) = discover([tmp_path / "clinic"], sources).inputs
    records = READERS["csv"].records(one.path, one.mapping.format)
    first, second, third = (apply(one.mapping, record.row) for record in records)
    assert [record.outcome for record in (first, second, third)] == ["mapped", "mapped", "quarantined"]
    assert first.issues == ()
    assert [resource["resourceType"] for resource in first.resources] == ["Patient", "Observation"]
    assert first.resources[0]["identifier"][1]["value"] == "37052319550312141X"
    assert {finding.code for finding in second.issues} == {"M03", "M11q"}
    assert "M29" in {finding.code for finding in third.issues}
    assert [problem for record in (first, second) for made in record.resources for problem in check(made)] == []


def test_the_golden_cases_of_the_page_agree(tmp_path: Path) -> None:
    """As ``countyfhir mapping test`` runs them."""
    for name, text in FILE.findall(PAGE):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    mappings = (mapping for source in load(tmp_path / "mappings") for mapping in source.mappings)
    cases = [case for mapping in mappings for case in cases_of(mapping)]
    assert len(cases) >= 2
    assert [differences(case, made_of(case)) for case in cases] == [[] for _ in cases]


def test_every_function_is_on_the_page() -> None:
    """With the summary that the table of functions gives."""
    lines = set(PAGE.splitlines())
    assert [name for name, one in FUNCTIONS.items() if f"| `{name}` | {one.summary} |" not in lines] == []
