"""The index answers every search as a walk over all resources with FHIRPath does: the same ids, order, totals."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from countyfhir.app import Opened
from countyfhir.store.sqlite import leading, sorting
from countyfhir.store.sqlite.sql import ALWAYS

from . import answering, asking, specials
from .drawn_queries import queries
from .drawn_resources import IDS, KEYS, resources

ROUNDS = int(os.environ.get("SEARCH_ORACLE_ROUNDS", "60"))


SEEDS = st.integers(0, 2**32)
COUNTIES = st.lists(
    st.tuples(st.sampled_from(KEYS), SEEDS), min_size=1, max_size=30, unique_by=lambda pair: pair[0]
).map(lambda pairs: [resources(*key).draw(Random(seed)) for key, seed in pairs])
SEARCHES = st.lists(SEEDS.map(lambda seed: queries().draw(Random(seed))), min_size=1, max_size=60)


@contextmanager
def hurried(way: str) -> Iterator[None]:
    """The embedded store chooses its ways as on a large county: what finds two rows finds much, and ``walks`` where it
    may; or it ``tries`` to walk first, which it gives up soon where the county is not very small; or it ``sorts`` what
    leads before it probes."""
    with pytest.MonkeyPatch.context() as patched:
        if way == "walks":
            patched.setattr(leading, "few", lambda scope: 2)
            patched.setattr(leading, "STEPS", (1,))
            patched.setattr(leading, "LOOKED_AT", 2)
        if way == "tries":
            patched.setattr(sorting, "is_thick", lambda selection, limit: selection.rows > 0)
            patched.setattr(sorting, "STEPS_BETWEEN_LOOKS", 50)
        if way == "sorts":
            patched.setattr(sorting, "is_sorted_first", lambda scope, selection, limit: selection.where != ALWAYS)
        yield


WAYS = st.sampled_from(("as ever", "walks", "tries", "sorts"))


@settings(max_examples=ROUNDS)
@given(COUNTIES, SEARCHES, WAYS)
def test_index_answers_what_brute_force_answers(
    written: list[dict[str, Any]], asked: list[dict[str, Any]], way: str
) -> None:
    """Any search on any small county: matches in order over all pages, the total, and what each page includes."""

    async def story(opened: Opened) -> None:
        await asking.put_all(opened, [*specials.KNOWLEDGE, *written])
        county = await asking.county(opened, tuple(IDS), time.time_ns() // 1000)
        told = [each for each in specials.KNOWLEDGE if each["resourceType"] in IDS]
        assert set(county.resources) == {(each["resourceType"], each["id"]) for each in (*written, *told)}
        for each in asked:
            await compare(opened, county, each)

    with TemporaryDirectory() as folder, hurried(way):
        asking.with_server(Path(folder) / "county.sqlite", story)


async def compare(opened: Opened, whole: answering.County, asked: dict[str, Any]) -> None:
    """One search, both ways."""
    kind, query, compartment = asked["kind"], asked["query"], asked["compartment"]
    place = "/".join((*compartment, kind)) if compartment else kind or ""
    url = f"{place}?{query}{'&' if query else ''}_count={asked['count']}&_total=accurate"
    note(f"{url} {asked['grant'] or ''}")
    county = answering.seen(whole, asked["grant"])
    grant = asking.grant(opened, tuple(IDS), asked["grant"]) if asked["grant"] else None
    expected = answering.matches(county, asked["types"], query, compartment)
    pages = await asking.pages(opened, url, grant)
    shown = answering.shown(county, expected, asked["types"], query)
    assert [key for page in pages for key in asking.keys_of(page)] == shown
    assert {page["total"] for page in pages} == {len(expected)}
    assert shown is not expected or all(len(asking.keys_of(page)) == asked["count"] for page in pages[:-1])
    for page in pages:
        also = asking.keys_of(page, "include")
        assert len(also) == len(set(also))
        assert set(also) == answering.included(county, asking.keys_of(page), query, asked["types"])
