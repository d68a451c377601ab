"""Functions over fields of messages."""

from __future__ import annotations

import base64
from decimal import Decimal

import pytest

from countyfhir.mapping.finding import HeldBack
from countyfhir.mapping.functions.message import codeable, embedded, later, orders, results, structured

PDF = base64.b64encode(b"%PDF-1.4").decode()


def test_a_coded_field_keeps_both_codes() -> None:
    """Systems by table 0396; what it does not name is local."""
    field = [{"c1": "2345-7", "c2": "Glucose", "c3": "LN", "c4": "GLU", "c5": "葡萄糖", "c6": "L"}]
    made = codeable(field, "urn:local")
    assert made is not None
    assert [one["system"] for one in made["coding"]] == ["http://loinc.org", "urn:local"]
    assert made["text"] == "Glucose"
    assert codeable([{"c1": "F", "c3": "HL70001"}], "x")["coding"][0]["system"].endswith("/v2-0001")  # type: ignore[index]
    assert codeable([{"c2": "只有文字"}], "x") == {"text": "只有文字"}


def test_structured_numbers() -> None:
    """Ranges and ratios; a number with a comparator is none of them."""
    assert structured([{"c2": "1", "c3": ":", "c4": "128"}])["ratio"]["denominator"] == {"value": Decimal(128)}  # type: ignore[index]
    assert structured([{"c2": "3", "c3": "-", "c4": "5"}], "g/L")["range"]["high"]["code"] == "g/L"  # type: ignore[index]
    assert structured([{"c1": "<", "c2": "5"}]) is None


def test_lines_of_one_text_are_one_result() -> None:
    """Numbers that share a code are told apart; documents are not among the values."""

    def obx(kind: str, code: str, value: str) -> dict[str, object]:
        return {"f2": [{"c1": kind}], "f3": [{"c1": code}], "f5": [{"c1": value}]}

    order = {
        "OBX": [obx("TX", "A", "1"), obx("NM", "B", "2"), obx("TX", "A", "3"), obx("NM", "B", "4"), obx("ED", "C", "")]
    }
    assert [one["key"] for one in results([order])] == ["A", "B", "B+", "C"]
    assert [each["c1"] for each in results([order])[0]["result"]["f5"]] == ["1", "3"]
    assert [one["key"] for one in orders(order)[0]["values"]] == ["A", "B", "B+"]


@pytest.mark.parametrize(
    "field",
    [
        {"c3": "PDF", "c4": "Base64", "c5": "no base64 at all!"},
        {"c3": "PDF", "c4": "Base64", "c5": base64.b64encode(b"no pdf").decode()},
        {"c3": "PDF", "c4": "zip", "c5": PDF},
    ],
)
def test_a_damaged_document_is_held_back(field: dict[str, str]) -> None:
    with pytest.raises(HeldBack):
        embedded([field])


def test_a_document_is_what_its_bytes_are() -> None:
    """By its subtype, else by its beginning; hexadecimal, too."""
    assert embedded([{"c3": "PDF", "c4": "Base64", "c5": PDF}]) == {"content_type": "application/pdf", "data": PDF}
    assert embedded([{"c2": "AP", "c4": "Hex", "c5": b"%PDF-1.4".hex()}]) == {
        "content_type": "application/pdf",
        "data": PDF,
    }
    assert embedded([{"c2": "AP"}]) is None


def test_an_end_follows_from_a_duration() -> None:
    assert later("2025-03-01T23:50:00+08:00", Decimal(30)) == "2025-03-02T00:20:00+08:00"
    assert later("2025-03-01", Decimal(30)) is None
    for minutes in (300301090000, 10**400):
        with pytest.raises(HeldBack, match="M07"):
            later("2025-03-01T23:50:00+08:00", Decimal(minutes))
