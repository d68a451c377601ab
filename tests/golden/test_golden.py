"""Legacy input and the FHIR it becomes, discovered: each file below ``tests/golden/SOURCE/`` and of the demo county
has its expected records beside it or in ``tests/golden/demo/``. ``pytest tests/golden --update-golden`` rewrites
them."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from countyfhir import shipped
from countyfhir.intake import demo
from countyfhir.intake.inputs import Input, discover
from countyfhir.intake.lookups import Tables
from countyfhir.intake.readers.formats import READERS
from countyfhir.intake.run import chosen
from countyfhir.mapping import apply, load
from countyfhir.validation.structure import check

HERE = Path(__file__).parent
SOURCES = load(shipped.folder("mappings"))
INPUTS = [
    *discover([demo.folder()], SOURCES).inputs,
    *discover([folder for folder in HERE.iterdir() if folder.is_dir() and folder.name != "demo"], SOURCES).inputs,
]


def plain(value: Any) -> Any:
    """Decimals with all their digits."""
    return {"$decimal": str(value)} if isinstance(value, Decimal) else str(value)


def records(one: Input) -> list[dict[str, Any]]:
    """What every record of the file becomes."""
    context = Tables().context(one.mapping, one.path.parent)
    made = [
        apply(one.mapping, record.row, context)
        for record in chosen(one, READERS[one.mapping.format.format].records(one.path, one.mapping.format))
        if record.problem is None
    ]
    return [
        {
            "key": record.key,
            "outcome": record.outcome,
            "issues": [[finding.code, ",".join(finding.columns)] for finding in record.issues],
            "resources": list(record.resources),
        }
        for record in made
    ]


@pytest.mark.parametrize("one", INPUTS, ids=[one.label for one in INPUTS])
def test_the_input_becomes_what_is_expected(one: Input, request: pytest.FixtureRequest) -> None:
    """Record by record: outcome, issues and resources, digit for digit; every resource is structurally valid R4."""
    name = f"{one.mapping.name.replace('/', '.')}.ndjson"
    expected = HERE / "demo" / name if one.path.is_relative_to(demo.folder()) else one.path.with_name(name)
    found = records(one)
    text = "".join(json.dumps(record, ensure_ascii=False, default=plain) + "\n" for record in found)
    if request.config.getoption("--update-golden"):
        expected.parent.mkdir(exist_ok=True)
        expected.write_text(text, "utf-8")
    assert text.splitlines() == expected.read_text("utf-8").splitlines()
    problems = [problem for record in found for resource in record["resources"] for problem in check(resource)]
    assert problems == []
