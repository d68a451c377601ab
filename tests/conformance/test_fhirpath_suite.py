"""The official FHIRPath R4 cases: how many pass may only rise, and none that passed may fail.

The cases are those of FHIR/fhir-test-cases (``tests/data/fhirpath-r4.tar.xz``); the count is printed at the end.
``python tests/conformance/test_fhirpath_suite.py`` prints what fails and writes the baseline.
"""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from countyfhir.fhirpath import FhirPathError, Item, compile  # noqa: A004
from countyfhir.model import json as fhir_json
from countyfhir.model import xml as fhir_xml

SUITE = Path(__file__).resolve().parents[1] / "data" / "fhirpath-r4.tar.xz"
BASELINE = Path(__file__).with_name("fhirpath_baseline.json")


@cache
def files() -> dict[str, bytes]:
    """The files of the suite by name."""
    with tarfile.open(SUITE) as suite:
        members = ((member.name.rpartition("/")[2], suite.extractfile(member)) for member in suite)
        return {name: stream.read() for name, stream in members if stream is not None}


@cache
def read_input(name: str) -> dict[str, Any]:
    content = files()[name]
    return fhir_xml.parse(in_order(content)) if name.endswith(".xml") else fhir_json.parse(content)


def in_order(content: bytes) -> bytes:
    """The input with its status after its extensions: one of them has it the wrong way round, and our reader minds."""
    ElementTree.register_namespace("", "http://hl7.org/fhir")
    resource = ElementTree.fromstring(content)
    names = [child.tag.rpartition("}")[2] for child in resource]
    if not {"status", "extension"} <= set(names) or names.index("status") > names.index("extension"):
        return content
    status = resource[names.index("status")]
    resource.remove(status)
    resource.insert(names.index("extension"), status)
    return ElementTree.tostring(resource, encoding="utf-8")


def named_cases() -> list[tuple[str, ElementTree.Element]]:
    """The cases with unique names: a name that occurs again gets a number."""
    seen: Counter[str] = Counter()
    cases = []
    for case in ElementTree.fromstring(files()["tests-fhir-r4.xml"]).iter("test"):
        name = case.get("name", "")
        seen[name] += 1
        cases.append((name if seen[name] == 1 else f"{name}#{seen[name]}", case))
    return cases


def shown(item: Item) -> tuple[str, str]:
    """Type and text of a result as the cases write them."""
    type_name = item.type_name.removeprefix("System.")
    if item.type_name != type_name and type_name != "Quantity":
        type_name = type_name[0].lower() + type_name[1:]
    value = item.value
    if isinstance(value, bool):
        return type_name, str(value).lower()
    if isinstance(value, Decimal):
        return type_name, format(value, "f")
    mark = {"date": "@", "dateTime": "@", "instant": "@", "time": "@T"}.get(type_name, "")
    return type_name, f"{mark}{value}"


def same(expected: ElementTree.Element, found: tuple[str, str]) -> bool:
    type_name, text = expected.get("type"), expected.text or ""
    if type_name is not None and type_name != found[0]:
        return False
    if found[0] == "decimal" and type_name is not None:
        return Decimal(text) == Decimal(found[1])
    return text == found[1]


def problem_of(case: ElementTree.Element) -> str | None:
    """Why a case fails; None when it passes."""
    expression = case.find("expression")
    assert expression is not None
    text, wrong = expression.text or "", expression.get("invalid")
    resource = read_input(case.get("inputfile") or "patient-example.xml")
    try:
        found = compile(text, resource["resourceType"], strict=True)(resource)
    except FhirPathError as error:
        return None if wrong else f"unexpected error: {error}"
    if wrong:
        return f"should have failed ({wrong}), but gave {[shown(item) for item in found]}"
    if case.get("predicate") == "true":
        found = [Item(bool(found), "System.Boolean")]
    results, expected = [shown(item) for item in found], case.findall("output")
    if len(results) == len(expected):
        if case.get("ordered") == "false":
            expected, results = (
                sorted(expected, key=lambda one: one.text or ""),
                sorted(results, key=lambda one: one[1]),
            )
        if all(map(same, expected, results)):
            return None
    return f"gave {results}, expected {[(one.get('type'), one.text) for one in expected]}"


def failures() -> tuple[dict[str, str], int]:
    cases = named_cases()
    problems = {name: problem for name, case in cases if (problem := problem_of(case)) is not None}
    return problems, len(cases)


def test_official_cases(record_property: Callable[[str, object], None]) -> None:
    """As many official cases pass as the baseline says, and the failing ones are those it names."""
    problems, count = failures()
    passed = count - len(problems)
    record_property("published", f"FHIRPath R4 suite: {passed} of {count} pass ({100 * passed / count:.1f} %)")
    baseline = json.loads(BASELINE.read_text())
    fresh = {name: problem for name, problem in problems.items() if name not in baseline["failing"]}
    assert not fresh
    assert passed >= baseline["passed"], "fewer cases pass than the baseline says"


if __name__ == "__main__":
    found, total = failures()
    for name, problem in found.items():
        print(f"{name}: {problem}")  # noqa: T201
    print(f"{total - len(found)} of {total} pass")  # noqa: T201
    BASELINE.write_text(
        json.dumps({"passed": total - len(found), "of": total, "failing": sorted(found)}, indent=1) + "\n"
    )
