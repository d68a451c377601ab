"""What a grant lets the caller see of given resources, and which types there are."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from operator import itemgetter

from countyfhir.exchange import Grant
from countyfhir.store.mongodb.reading import BATCH, Filter, Reading, every, holding
from countyfhir.store.mongodb.selecting import granted


async def all_types(reading: Reading) -> list[str]:
    """Every resource type of which there is a current resource."""
    clock = await reading.one("setting", {"_id": "clock"}, {"current": 1})
    return sorted(kind for kind, count in clock["current"].items() if count > 0)


async def visible_owners(reading: Reading, owners: Iterable[str], grant: Grant) -> set[str]:
    """Those of the current, undeleted resources ("Type/id") that the grant lets the caller see."""
    visible: set[str] = set()
    pairs = sorted((owner.partition("/")[0], owner) for owner in owners)
    for kind, its in itertools.groupby(pairs, key=itemgetter(0)):
        conditions = await granted(reading, kind, grant)
        if conditions is None:
            continue
        there, named = every([Filter({"t": kind}), *conditions]), [owner for _, owner in its]
        for start in range(0, len(named), BATCH):
            visible |= await holding(reading, there, named[start : start + BATCH])
    return visible
