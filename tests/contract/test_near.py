"""The box of a distance loses nothing: a store finds what measuring every position finds."""

from __future__ import annotations

import random
from decimal import Decimal

from countyfhir.search.decimal_key import encode
from countyfhir.search.entries import NUMBER
from countyfhir.search.near import near
from countyfhir.search.query import Query
from countyfhir.store.ports import Store

from .conftest import Open
from .samples import Shelf, commit, run, write


def test_found_as_measuring_finds(open_store: Open) -> None:
    """Random points and distances, near the poles and the 180th meridian too."""
    chance = random.Random(3)

    def point() -> tuple[Decimal, Decimal]:
        return Decimal(chance.randrange(-9000, 9001)) / 100, Decimal(chance.randrange(-18000, 18001)) / 100

    writes = []
    for place in range(400):
        latitude, longitude = point()
        sides = (
            (NUMBER, "near$latitude", 0, encode(latitude)),
            (NUMBER, "near$longitude", 0, encode(longitude)),
        )
        writes.append(write("Location", f"l{place}", *sides))
    shelf = Shelf(writes)

    async def story(store: Store) -> None:
        await commit(store, *writes)
        for _ in range(60):
            latitude, longitude = point()
            asked = near(f"{latitude}|{longitude}|{chance.choice((50, 500, 3000, 15000))}", "near")
            query = Query(("Location",), ((asked,),), count=1_000)
            page = await store.resources.search(query)
            assert {f"Location/{each.logical_id}" for each in page.matches} == shelf.find(query)

    run(open_store, story)
