"""Functions beyond the official cases: each gives what FHIRPath N1 and FHIR R4 say, and refuses what it cannot take."""

from __future__ import annotations

from typing import Any

import pytest

from countyfhir.fhirpath import FhirPathError, compile  # noqa: A004
from countyfhir.fhirpath.functions import FUNCTIONS

PATIENT = {
    "resourceType": "Patient",
    "gender": "male",
    "name": [{"family": "王", "given": ["小", "明"]}],
    "modifierExtension": [{"url": "http://e/m", "valueBoolean": True}],
    "maritalStatus": {"coding": [{"system": "s", "code": "M"}]},
}


def values(expression: str, **options: Any) -> list[object]:
    return [item.value for item in compile(expression)(PATIENT, **options)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(1 | 2).combine(2).count()", [3]),
        ("(1 | 2 | 3).intersect(2 | 3 | 4)", [2, 3]),
        ("(true | false).anyTrue()", [True]),
        ("(false | {}).allFalse()", [True]),
        ("(true | true).anyFalse()", [False]),
        ("name.given.last()", ["明"]),
        ("(3 | 1 | 2).sort(-$this).first()", [3]),
        ("(1 | 2 | 3).aggregate($total + $this, 0)", [6]),
        ("name.given.select($index)", [0, 1]),
        ("'a'.defineVariable('x', 'b').select(%x & $this)", ["ba"]),
        ("name.given.join('')", ["小明"]),
        ("'2024-05-06'.toDate()", ["2024-05-06"]),
        ("'2024-05-06T10:00'.toDate()", ["2024-05-06"]),
        ("'T10:30'.toTime()", ["10:30"]),
        ("'3 days'.toQuantity() = 3 'd'", [True]),
        ("'abcabc'.lastIndexOf('b')", [4]),
        ("'abc'.replaceMatches('(b)', '[$1]')", ["a[b]c"]),
        ("2.power(62)", [2**62]),
        ("2.power(64)", []),
        ("(9).sqrt()", [3]),
        ("7 div 2", [3]),
        ("(-7) mod 2", [-1]),
        ("@2024-05-06T10:30:15.250+08:00.hourOf()", [10]),
        ("@2024-05-06T10:30:15.250+08:00.millisecondOf()", [250]),
        ("@2024-05-06T10:30:15.250+08:00.timezoneOffsetOf()", [8]),
        ("@2024-05-06T10:30:15.250+08:00.dateOf()", ["2024-05-06"]),
        ("@2024-05-06T10:30:15.250+08:00.timeOf()", ["10:30:15.250"]),
        ("@2024-02.highBoundary()", ["2024-02-29"]),
        ("checkModifiers('http://e/m').gender", ["male"]),
        ("gender.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')", [True]),
        ("iif(name.exists(), 'a', 1 / 0)", ["a"]),
        ("name.given.repeat($this)", ["小", "明"]),
        ("(1 | 2).repeatAll({})", []),
    ],
)
def test_results(expression: str, expected: list[object]) -> None:
    """Each function gives what the specification says."""
    assert values(expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "checkModifiers('http://e/other')",
        "gender.subsumes('x')",
        "gender.memberOf('http://unknown')",
        "name.substring(0)",
        "'a'.matches('(')",
        "'x'.repeat($this & $this)",
        "(1 | 'a').allTrue()",
        "1.round(-1)",
        "'%%'.decode('base64')",
        "'a'.defineVariable('resource')",
        "name.given.single()",
        "1.length()",
        "where()",
        "exists(1, 2)",
        "9999999999999999999999999999999999999999999999999999999999999999999999",
    ],
)
def test_refusals(expression: str) -> None:
    """What cannot be evaluated is a FhirPathError, nothing else."""
    with pytest.raises(FhirPathError):
        values(expression)


def test_given_functions() -> None:
    """Terminology, profiles and the trace come from the caller."""
    seen: list[tuple[str, list[Any]]] = []
    assert values(
        "gender.memberOf('u')", member_of=lambda value, type_name, url: (value, type_name, url)[2] == "u"
    ) == [True]
    assert values(
        "maritalStatus.coding.subsumes(%x)",
        subsumes=lambda a, b: a["code"] == b["code"],
        variables={"x": {"code": "M"}},
    ) == [True]
    assert values("conformsTo('http://p')", conforms_to=lambda resource, url: None) == []
    values("name.trace('n', family)", trace=lambda name, shown: seen.append((name, shown)))
    assert seen == [("n", ["王"])]


def test_variables_end_with_their_argument() -> None:
    """A variable that a criterion defines is not known after it."""
    with pytest.raises(FhirPathError):
        values("name.where(defineVariable('x', 1).exists()).select(%x)")


def test_malformed_input_is_an_error() -> None:
    """A resource that is not what its type says gives an error or nothing, not a crash."""
    broken = {"resourceType": "Patient", "name": "王", "birthDate": 5, "contained": "x", "active": [None]}
    assert compile("name.family")(broken) == []
    with pytest.raises(FhirPathError):
        compile("birthDate < today()")(broken)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_takes_the_empty_collection(name: str) -> None:
    """No function breaks on ``{}``."""
    function = FUNCTIONS[name]
    arguments = ", ".join(["{}"] * function.minimum)
    if name == "defineVariable":
        arguments = "'x'"
    assert len(values(f"{{}}.{name}({arguments})")) <= 1


@pytest.mark.parametrize("call", ["matches", "matchesFull", "replaceMatches"])
def test_a_pattern_that_never_ends_is_refused(call: str) -> None:
    """It stops at the time limit, and at once when it comes again."""
    more = ", 'x'" if call == "replaceMatches" else ""
    expression = compile(f"'{'a' * 60}b'.{call}('^(a|aa)+$'{more})")
    for _ in range(20):
        with pytest.raises(FhirPathError, match="takes too long"):
            expression({"resourceType": "Patient"})
