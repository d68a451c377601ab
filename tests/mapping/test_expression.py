"""Expressions and templates mean what docs/map-a-legacy-system.md says."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from countyfhir.mapping.code_map import code_map
from countyfhir.mapping.expression import NOTES, Scope, compile_expression, guarded
from countyfhir.mapping.stable_id import stable_id
from countyfhir.mapping.syntax import ExpressionError
from countyfhir.mapping.template import compile_template

RECORD: dict[str, Any] = {"XM": "张 三", "XB": "2", "N": "7", "空": None, "体重(kg)": "61", "list": ["a", "b"]}
SEX = code_map("sex", {"table": {"1": "male", "2": "female"}})
SCOPE = Scope({name: (name,) for name in RECORD}, {"sex": SEX}, {"县医院": "abc"})


def evaluate(text: str) -> Any:
    return compile_expression(text, SCOPE)({**RECORD, NOTES: []})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("XM | name", "张三"),
        ("XB | code(sex)", "female"),
        ("`体重(kg)` | number(1, 300)", Decimal(61)),
        ("空 or XB", "2"),
        ("空 | name", None),
        ("XB = '2' and not 空", True),
        ("XB = '2' | choose('F', 'M')", "F"),
        ("XB in ['1', '9']", False),
        ("N > 6.5", True),
        ("空 > 1", False),
        ("空 != '1'", True),
        ("'县医院' | organization", "Organization/abc"),
    ],
)
def test_expressions(text: str, expected: Any) -> None:
    """Pipes and comparisons read from left to right; absent passes through functions."""
    assert evaluate(text) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("XN | name", "'XN' is neither a column nor a value"),
        ("XM | nome", "there is no function 'nome'"),
        ("XM | code(six)", "there is no code map 'six'"),
        ("XM |", "expected a name at the end"),
        ("XM name", "nothing more was expected at 'name'"),
        ("(XM", "expected ')'"),
        ("XM ; 1", "unexpected ';'"),
        ("XM | name(1, 2)", "takes 1 to 1 values"),
    ],
)
def test_mistakes_are_explained(text: str, problem: str) -> None:
    """An integrator reads what is wrong and where."""
    with pytest.raises(ExpressionError, match=problem.replace("(", r"\(").replace(")", r"\)")):
        compile_expression(text, SCOPE)


def test_a_held_back_cell_is_absent_and_names_its_column() -> None:
    """The finding carries the column, never the value."""
    environment = {**RECORD, "XM": "????", NOTES: []}
    assert guarded(compile_expression("XM | name", SCOPE), environment) is None
    (finding,) = environment[NOTES]
    assert (finding.code, finding.columns, finding.held_back) == ("M29", ("XM",), True)


def test_an_unmapped_code_is_an_issue_and_never_a_default() -> None:
    """DESIGN decision 11."""
    environment = {**RECORD, "XB": "3", NOTES: []}
    assert compile_expression("XB | code(sex)", SCOPE)(environment) is None
    assert environment[NOTES][0].code == "unmapped-code"


def render(template: Any) -> Any:
    return compile_template(template, SCOPE, "source").render({**RECORD, NOTES: []})


def test_templates_leave_out_what_is_absent() -> None:
    """An object none of whose expressions gave a value is decoration only; text with an absent piece is absent."""
    assert render({"use": "official", "text": "{空}"}) is None
    assert render({"use": "official", "text": "{XM | name}", "family": "{空}"}) == {"use": "official", "text": "张三"}
    assert render({"text": "号 {XB}-{空}"}) is None
    assert render({"text": "号 {XB}-{N}"}) == {"text": "号 2-7"}
    assert render([{"when": "空", "value": "x"}, "{空}"]) is None
    assert render({"status": "final"}) == {"status": "final"}
    assert render({"text": "{{XM}}"}) == {"text": "{XM}"}


def test_loops_and_references() -> None:
    """``each`` repeats an item; ``ref`` gives the stable id of a natural key, of another source too."""
    assert render([{"each": "one in list", "text": "{one}{position}"}]) == [{"text": "a1"}, {"text": "b2"}]
    reference = {"reference": f"Patient/{stable_id('source', 'Patient', '2')}"}
    assert render({"subject": {"ref": "Patient", "key": "{XB}"}}) == {"subject": reference}
    other = render({"ref": "Patient", "source": "elsewhere", "key": "{XB}"})
    assert other != reference
    assert render({"ref": "Patient", "key": "{空}"}) is None


def test_ids_are_stable_and_valid() -> None:
    """The id of a record is the same on every machine and in every release: it is part of the contract."""
    assert stable_id("county-hospital", "Patient", "10001") == "7at5nvum7w2mcujwfvvgzfc24d"
