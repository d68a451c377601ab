"""A code that was exported in capitals finds the one with a small x, on every store."""

from __future__ import annotations

import pytest

from countyfhir.exchange import Write
from countyfhir.search import parse
from countyfhir.search.context import default_context
from countyfhir.search.extract import index
from countyfhir.store.ports import Store

from .conftest import Open
from .samples import commit, run, write

CONTEXT = default_context()
ICD = "urn:oid:2.16.156.10011.2.3.3.11"


def condition(logical_id: str, code: str) -> Write:
    """A Condition as it is written."""
    coded = {"coding": [{"system": ICD, "code": code}]}
    resource = {"resourceType": "Condition", "id": logical_id, "code": coded, "subject": {"reference": "Patient/1"}}
    found = index(resource, CONTEXT, CONTEXT.base)
    return write("Condition", logical_id, *found.entries)


@pytest.mark.parametrize("text", ["I10.X00", "i10.x00", f"{ICD}|I10.X00"])
def test_capitals_do_not_count(open_store: Open, text: str) -> None:
    """In what is stored and in what is asked."""

    async def story(store: Store) -> None:
        await commit(store, condition("a", "I10.x00"), condition("b", "I10.X00"), condition("c", "I10.x00x002"))
        page = await store.resources.search(parse.criteria("Condition", (("code", text),), CONTEXT))
        assert {each.logical_id for each in page.matches} == {"a", "b"}

    run(open_store, story)
