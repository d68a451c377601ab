"""``:code-text``: how a code begins, whatever its case and system."""

from __future__ import annotations

import pytest

from countyfhir.search.entries import TOKEN
from countyfhir.search.query import CodeStarts, Query
from countyfhir.store.ports import Store

from .conftest import Open
from .samples import Shelf, commit, run, write

CODES = ("I10", "i10.1", "E11", "高血压", "10", "_x")


@pytest.mark.parametrize("beginning", ["i", "i10", "i10.1", "e1", "高", "1", "_", "z"])
def test_found_by_how_they_begin(open_store: Open, beginning: str) -> None:
    """As a plain reading finds them."""
    writes = [
        write("Condition", f"c{place}", (TOKEN, "code", 0, f"urn:{place % 2}", code))
        for place, code in enumerate(CODES)
    ]

    async def story(store: Store) -> None:
        await commit(store, *writes)
        query = Query(("Condition",), ((CodeStarts("code", beginning),),), count=20)
        page = await store.resources.search(query)
        assert {f"Condition/{each.logical_id}" for each in page.matches} == Shelf(writes).find(query)

    run(open_store, story)
