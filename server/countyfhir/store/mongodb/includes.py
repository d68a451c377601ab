"""What a search page brings along: _include and _revinclude, each resource once, never a match (R4 section
3.1.1.5.4)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field

from countyfhir.exchange import Grant
from countyfhir.search.elements import CANONICAL
from countyfhir.search.query import Include
from countyfhir.search.references import CANONICAL_NAME
from countyfhir.store.mongodb.index_keys import stem
from countyfhir.store.mongodb.reading import BATCH, Document, Reading
from countyfhir.store.mongodb.visible import all_types, visible_owners

ROUNDS = 12
"""How deep ``:iterate`` follows; deeper chains do not occur in R4 data, circular ones end by themselves."""


@dataclass(slots=True)
class Included:
    """What was brought along, in the order found; ``truncated`` names the includes that were cut."""

    limit: int
    found: dict[str, None] = field(default_factory=dict)
    truncated: dict[str, None] = field(default_factory=dict)


async def included(
    reading: Reading, matches: Iterable[str], includes: tuple[Include, ...], grant: Grant, limit: int
) -> Included:
    """Resources that the includes lead to and the grant lets the caller see."""
    made, everything = Included(limit), dict.fromkeys(matches)
    frontier = list(everything)
    for round_number in range(ROUNDS):
        fresh: dict[str, None] = {}
        for include in includes:
            if round_number == 0 or include.iterate:
                await _follow(reading, include, frontier, grant, made, everything, fresh)
        if not fresh:
            break
        everything.update(fresh)
        frontier = list(fresh)
    return made


async def _follow(
    reading: Reading,
    include: Include,
    frontier: list[str],
    grant: Grant,
    made: Included,
    everything: dict[str, None],
    fresh: dict[str, None],
) -> None:
    """Take what an include leads to, batch by batch, until the limit is passed."""
    reached = _back(reading, include, frontier) if include.reverse else _forward(reading, include, frontier)
    async for batch in reached:
        unseen = [owner for owner in dict.fromkeys(batch) if owner not in everything and owner not in fresh]
        visible = await visible_owners(reading, unseen, grant)
        for owner in unseen:
            if owner not in visible:
                continue
            if len(made.found) >= made.limit:
                made.truncated[f"{include.source_type}:{include.parameter}"] = None
                return
            made.found[owner] = fresh[owner] = None


async def _forward(reading: Reading, include: Include, frontier: Sequence[str]) -> AsyncIterator[list[str]]:
    """What the frontier points to, by literal reference and by canonical."""
    for start in range(0, len(frontier), BATCH):
        owners = [
            owner for owner in frontier[start : start + BATCH] if include.source_type in ("*", owner.partition("/")[0])
        ]
        place = {owner: number for number, owner in enumerate(owners)}
        documents = await reading.of_owners(owners, {}, {"k": 1, "r": 1})
        documents.sort(key=lambda pair: place[pair[0]])
        reached = [target for _, document in documents for target in _targets(document, include)]
        wanted = include.target_type
        for begin in range(0, len(reached), BATCH):
            targets = reached[begin : begin + BATCH]
            yield [target for target in targets if wanted is None or target.startswith(f"{wanted}/")]
        if include.parameter != "*":
            start_of = stem(include.source_type, include.parameter + CANONICAL, "u")
            urls = [
                key[len(start_of) :] for _, each in documents for key in each.get("k", ()) if key.startswith(start_of)
            ]
            async for batch in _named(reading, [url for url in dict.fromkeys(urls) if url], wanted):
                yield batch


def _targets(document: Document, include: Include) -> list[str]:
    if include.parameter == "*":
        return sorted(each[:-2] for each in document.get("r", ()) if each[-1] != "l")
    start = stem(include.source_type, include.parameter, "r")
    keys = (key[len(start) :].rpartition("/") for key in document.get("k", ()) if key.startswith(start))
    return [f"{kind}/{logical_id}" for logical_id, _, kind in keys]


async def _named(reading: Reading, urls: list[str], wanted: str | None) -> AsyncIterator[list[str]]:
    """The resources that one of these canonicals names: by their url, or by url and version."""
    kinds = [wanted] if wanted else await all_types(reading)
    for start in range(0, len(urls), 10):
        keys = [stem(kind, CANONICAL_NAME, "u") + url for url in urls[start : start + 10] for kind in kinds]
        async for batch in _owning(reading, {"k": {"$in": keys}}):
            yield batch


async def _back(reading: Reading, include: Include, frontier: Sequence[str]) -> AsyncIterator[list[str]]:
    """What points to the frontier, by literal reference and by canonical."""
    wanted = include.target_type
    owners = [owner for owner in frontier if wanted is None or owner.startswith(f"{wanted}/")]
    for start in range(0, len(owners), BATCH):
        targets = owners[start : start + BATCH]
        async for batch in _owning(reading, _pointing(include, targets)):
            yield batch
        if include.parameter != "*":
            urls = await _urls_of(reading, targets)
            keys = [stem(include.source_type, include.parameter + CANONICAL, "u") + url for url in urls]
            async for batch in _owning(reading, {"k": {"$in": keys}}):
                yield batch


def _pointing(include: Include, targets: Sequence[str]) -> Document:
    if include.parameter == "*":
        kind = {} if include.source_type == "*" else {"t": include.source_type}
        return {"r": {"$in": [f"{target}|{mark}" for target in targets for mark in "pb"]}, **kind}
    start = stem(include.source_type, include.parameter, "r")
    return {"k": {"$in": [f"{start}{each.partition('/')[2]}/{each.partition('/')[0]}" for each in targets]}}


async def _urls_of(reading: Reading, owners: Sequence[str]) -> list[str]:
    found = []
    for owner, document in await reading.of_owners(owners, {}, {"k": 1}):
        start = stem(owner.partition("/")[0], CANONICAL_NAME, "u")
        found += [key[len(start) :] for key in document.get("k", ()) if key.startswith(start)]
    return [url for url in found if url]


async def _owning(reading: Reading, where: Document) -> AsyncIterator[list[str]]:
    """Owners of the documents that match, the earliest registered first."""
    batch: list[str] = []
    async for document in reading.find("entry", where, {"_id": 1}, sort=[("n", 1)], batch_size=BATCH):
        batch.append(document["_id"])
        if len(batch) == BATCH:
            yield batch
            batch = []
    async for document in reading.find("more", where, {"o": 1}, batch_size=BATCH):
        batch.append(document["o"])
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch
