"""Every match of a query at once, with what counting needs of it: ids and index values in bulk, not resource by
resource."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from countyfhir.store.mongodb import sorting
from countyfhir.store.mongodb.bodies import stored_of
from countyfhir.store.mongodb.index_keys import stem
from countyfhir.store.mongodb.reading import Reading
from countyfhir.store.mongodb.search import searched_types
from countyfhir.store.ports import Gathered, Gathering, Row

AT_A_TIME = 1_000
MOST = 2**31 - 1
_WITHOUT_BODY = {"b": 0}


async def gathered(reading: Reading, wanted: Sequence[Gathering]) -> Gathered:
    """All answers, from the snapshot of the reading."""
    answers = [await _matches(reading, one) for one in wanted]
    clock = await reading.one("setting", {"_id": "clock"}, {"instant": 1})
    return Gathered(int(clock["instant"]) if clock else 0, tuple(answers))


async def _matches(reading: Reading, wanted: Gathering) -> list[Row]:
    found: list[Row] = []
    async for selection in searched_types(reading, wanted.query, wanted.grant):
        rows = await sorting.page(reading, selection, wanted.query.sort, None, MOST)
        owners = [row[-1] for row in rows]
        if not wanted.query.sort:
            owners.reverse()  # the latest registered came first
        for start in range(0, len(owners), AT_A_TIME):
            found += await _rows(reading, wanted, selection.resource_type, owners[start : start + AT_A_TIME])
    return found


async def _rows(reading: Reading, wanted: Gathering, kind: str, owners: list[str]) -> list[Row]:
    towards = await _targets(reading, stem(kind, wanted.towards, "r"), owners) if wanted.towards else {}
    fields = _WITHOUT_BODY if wanted.shape is None else None
    where = {"_id": {"$in": owners}}
    documents = {each["_id"]: each async for each in reading.find("resource", where, fields)}
    rows: list[Row] = []
    for owner in owners:
        document = documents[owner]
        shaped = None
        if wanted.shape is not None:
            stored = await stored_of(reading, document)
            shaped = wanted.shape(stored.body or b"")
        rows.append((document["i"], document.get("p"), towards.get(owner, ()), shaped))
    return rows


async def _targets(reading: Reading, prefix: str, owners: list[str]) -> dict[str, tuple[str, ...]]:
    """What the parameter of each leads to; a key is the stem, then the id and the type of the target."""
    found: dict[str, list[str]] = defaultdict(list)
    for owner, document in await reading.of_owners(owners, {}, {"k": 1}):
        for key in document.get("k", ()):
            if key.startswith(prefix):
                logical_id, _, kind = key[len(prefix) :].rpartition("/")
                found[owner].append(f"{kind}/{logical_id}")
    return {owner: tuple(targets) for owner, targets in found.items()}
