"""htmlChecks(): which narratives R4 allows."""

from __future__ import annotations

import pytest

from countyfhir.fhirpath import compile, narrative  # noqa: A004

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


@pytest.mark.parametrize(
    "inner",
    [
        "<p>王小明&nbsp;男</p>",
        "<table><tr><td style='x' colspan='2'>1</td></tr></table>",
        "<img src='#a'/>",
        "<p>&LT;script&GT;</p>",
        "\ud800",
    ],
)
def test_allowed(inner: str) -> None:
    """Basic formatting, tables and images are allowed."""
    assert narrative.problems(DIV.format(inner)) == ()


@pytest.mark.parametrize(
    "text",
    [
        DIV.format("<script>x</script>"),
        DIV.format("<p onclick='x'>a</p>"),
        DIV.format("<form>a</form>"),
        DIV.format("  "),
        DIV.format("<p>a"),
        "<div>a</div>",
        "<p xmlns='http://www.w3.org/1999/xhtml'>a</p>",
        '<!DOCTYPE div [<!ENTITY a "b">]>' + DIV.format("&a;"),
        "text",
    ],
)
def test_refused(text: str) -> None:
    """Scripts, events, forms, document types, empty and ill-formed narratives are not."""
    assert narrative.problems(text)
    assert [item.value for item in compile("text.`div`.htmlChecks()")(_patient(text))] == [False]


def _patient(text: str) -> dict[str, object]:
    return {"resourceType": "Patient", "text": {"status": "generated", "div": text}}
