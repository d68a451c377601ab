"""What a write must read first, and what was found: both plain data, so that building stays pure (DESIGN: life of a
request)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from countyfhir.access.criteria import conjunction
from countyfhir.exchange import ALL, Criteria, Grant, Stored
from countyfhir.search.query import Query
from countyfhir.store.ports import ResourceStore

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Needs:
    """Current versions by (type, id) and matches of conditional criteria that an interaction rests on."""

    keys: frozenset[Key] = frozenset()
    queries: tuple[Query, ...] = ()


@dataclass(slots=True)
class Found:
    """What the store held when ``grant`` asked it. ``hidden`` are resources that the same transaction deletes:
    criteria no longer select them, while the condition of the commit still names all that was found."""

    versions: dict[Key, Stored] = field(default_factory=dict)
    matches: dict[Query, tuple[Stored, ...]] = field(default_factory=dict)
    hidden: frozenset[Key] = frozenset()
    grant: Grant = ALL

    def current(self, resource_type: str, logical_id: str) -> Stored | None:
        """The version that was current, a deletion included."""
        return self.versions.get((resource_type, logical_id))

    def there(self, keys: Iterable[Key]) -> list[Key]:
        """Those of the keys under which there is an undeleted resource."""
        return [key for key in keys if key in self.versions and not self.versions[key].deleted]

    def matching(self, query: Query) -> tuple[Stored, ...]:
        """The matches of a query of the needs, at most ``query.count``."""
        return tuple(m for m in self.matches[query] if (m.resource_type, m.logical_id) not in self.hidden)

    def condition(self, query: Query) -> Criteria:
        """The condition that the query still finds what was found."""
        ids = frozenset(match.logical_id for match in self.matches[query])
        return Criteria(narrowed(query, self.grant), ids)


def narrowed(query: Query, grant: Grant) -> Query:
    """The query as the grant lets its caller ask it: so that the commit, which knows no caller, finds the same."""
    alternatives = grant.narrowed(query.resource_types[0])
    return query if alternatives is None else replace(query, where=(*query.where, *conjunction(alternatives)))


def merged(needs: Iterable[Needs]) -> Needs:
    """All needs as one, each query once."""
    keys: set[Key] = set()
    queries: dict[Query, None] = {}
    for need in needs:
        keys |= need.keys
        queries.update(dict.fromkeys(need.queries))
    return Needs(frozenset(keys), tuple(queries))


async def read(store: ResourceStore, needs: Needs, grant: Grant) -> Found:
    """Fetch what is needed; each query is cut at its own ``count`` (two matches already mean several)."""
    versions = dict(await store.read_many(needs.keys)) if needs.keys else {}
    matches = {query: (await store.search(query, grant)).matches for query in needs.queries}
    for found in matches.values():
        versions.update({(match.resource_type, match.logical_id): match for match in found})
    return Found(versions, matches, grant=grant)
