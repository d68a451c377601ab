"""FHIRPath over objects that no definition describes: rows and trees of legacy systems."""

from __future__ import annotations

from decimal import Decimal

import pytest

from countyfhir import fhirpath

TREE = {
    "MSH": {"f9": {"c1": "ADT", "c2": "A04"}},
    "PID": {"f3": [{"c1": "30066", "c4": "QHJYZX"}, {"c1": "3705", "c5": "SFZH"}]},
    "OBX": [{"f2": "NM", "f5": Decimal("5.10")}, {"f2": "ST", "f5": "x"}, None],
    "Patient": {"name": "张三"},
    "姓名": "李四",
    "blank": None,
}


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("MSH.f9.c2", ["A04"]),
        ("PID.f3.where(c5 = 'SFZH').c1", ["3705"]),
        ("PID.f3.where(c5.empty()).c1", ["30066"]),
        ("OBX.f5.first() + 1", [Decimal("6.10")]),
        ("OBX.count()", [2]),
        ("Patient.name", ["张三"]),
        ("`姓名`", ["李四"]),
        ("blank | nothing", []),
        ("MSH.f9.children()", ["ADT", "A04"]),
        ("MSH.f9.c1 = 'ADT' and OBX.exists(f2 = 'ST')", [True]),
        ("OBX[1].f5.matches('^[a-z]$')", [True]),
    ],
)
def test_every_name_is_a_key(expression: str, values: list[object]) -> None:
    """Names of FHIR types are keys, too, at the head of a path; numbers keep their digits."""
    found = [item.value for item in fhirpath.compile(expression, "Record")(TREE)]
    assert found == values


def test_objects_come_back_as_they_are() -> None:
    """A path may lead to objects, which the next path starts from."""
    (first, *_) = fhirpath.compile("OBX", "Record")(TREE)
    assert first.type_name == "Record"
    assert fhirpath.compile("f2", "Record")(first.value)[0].value == "NM"
