"""Resources of fictitious people, small enough to write their index entries by hand, and a plain reading of queries
over them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from countyfhir.exchange import Body, Plan, Stored, Write
from countyfhir.search import entries as kinds
from countyfhir.search import query as q
from countyfhir.search.contained import numbers, of_number
from countyfhir.search.near import is_within
from countyfhir.search.ranges import DATE_RULES, NUMBER_RULES, holds
from countyfhir.store.ports import Store

DAY = 86_400_000_000


def write(
    kind: str,
    logical_id: str,
    *entries: tuple[Any, ...],
    version: int | None = None,
    method: str = "PUT",
    text: str = "",
    **more: Any,
) -> Write:
    """A write of a small resource with these entries; literal references follow from them."""
    body = Body(f'{{"resourceType":"{kind}","id":"{logical_id}","meta":{{'.encode(), f'}},"text":"{text}"}}'.encode())
    pointed = tuple(
        dict.fromkeys((entry[3], entry[4]) for entry in entries if entry[0] == kinds.REFERENCE and entry[3])
    )
    return Write(method, kind, logical_id, {}, version, body, entries, pointed, **more)


def delete(kind: str, logical_id: str, version: int | None = None, *, unreferenced: bool = False) -> Write:
    """A deletion."""
    return Write("DELETE", kind, logical_id, expected_version=version, unreferenced=unreferenced)


def run(open_store: Callable[[], Awaitable[Store]], story: Callable[[Store], Awaitable[Any]]) -> Any:
    """Open the store, run the story, close the store."""

    async def told() -> Any:
        store = await open_store()
        try:
            return await story(store)
        finally:
            await store.close()

    return asyncio.run(told())


async def commit(store: Store, *writes: Write) -> tuple[Stored, ...]:
    """One plan of these writes."""
    return await store.resources.commit(Plan(writes))


class Shelf:
    """Resources in plain dictionaries: what a search over them must find, read predicate by predicate."""

    def __init__(self, writes: Iterable[Write]) -> None:
        self.entries = {(write.resource_type, write.logical_id): write.entries for write in writes if write.body}
        self.updated: dict[tuple[str, str], int] = {}

    def find(self, query: q.Query) -> set[str]:
        """``Type/id`` of every match."""
        return {
            "/".join(key)
            for key in self.entries
            if key[0] in query.resource_types and all(self.clause(clause, key) for clause in query.where)
        }

    def clause(self, clause: q.Clause, key: tuple[str, str]) -> bool:
        return any(self.holds(predicate, key, self.entries[key]) for predicate in clause)

    def holds(self, predicate: q.Predicate, key: tuple[str, str], entries: tuple[tuple[Any, ...], ...]) -> bool:
        return bool(getattr(self, type(predicate).__name__)(predicate, key, entries))

    def values(self, entries: tuple[tuple[Any, ...], ...], name: str, *wanted: int) -> list[tuple[Any, ...]]:
        return [entry[3:] for entry in entries if entry[1] == name and entry[0] in wanted]

    def TokenIs(self, p: q.TokenIs, key: Any, entries: Any) -> bool:
        found = self.values(entries, p.parameter, kinds.TOKEN)
        return any(
            (p.system is None or p.system == system) and (p.code is None or p.code == code) for system, code in found
        )

    def CodeStarts(self, p: q.CodeStarts, key: Any, entries: Any) -> bool:
        return any(code.lower().startswith(p.value) for _, code in self.values(entries, p.parameter, kinds.TOKEN))

    def TokenIn(self, p: q.TokenIn, key: Any, entries: Any) -> bool:
        found = self.values(entries, p.parameter, kinds.TOKEN)
        return any(system in p.systems or (system, code) in p.pairs for system, code in found)

    def StringIs(self, p: q.StringIs, key: Any, entries: Any) -> bool:
        tests = {
            "starts": lambda n, o: n.startswith(p.value),
            "contains": lambda n, o: p.value in n,
            "ends": lambda n, o: n.endswith(p.value),
            "equals": lambda n, o: n == p.value,
            "exact": lambda n, o: o == p.value,
        }
        return any(tests[p.match](*value) for value in self.values(entries, p.parameter, kinds.STRING))

    def ReferenceIs(self, p: q.ReferenceIs, key: Any, entries: Any) -> bool:
        found = self.values(entries, p.parameter, kinds.REFERENCE)
        if p.url is not None:
            return ("", p.url) in found
        return any(kind and (p.target_type or kind) == kind and (p.target_id or name) == name for kind, name in found)

    def DateIs(self, p: q.DateIs, key: Any, entries: Any) -> bool:
        sides = [{"low": low, "high": high} for low, high in self.values(entries, p.parameter, kinds.DATE)]
        return any(holds(DATE_RULES[p.prefix], side, {"LOW": p.low, "HIGH": p.high}) for side in sides)

    def NumberIs(self, p: q.NumberIs, key: Any, entries: Any) -> bool:
        found = [("", *value) for value in self.values(entries, p.parameter, kinds.NUMBER)]
        found += self.values(entries, p.parameter, kinds.QUANTITY)
        value = {"LOW": p.low, "EXACT": p.exact, "HIGH": p.high}
        return any(
            unit == (p.unit or "") and holds(NUMBER_RULES[p.prefix], {"key": number}, value) for unit, number in found
        )

    def UriIs(self, p: q.UriIs, key: Any, entries: Any) -> bool:
        tests = {
            "exact": lambda uri: uri == p.value,
            "below": lambda uri: uri == p.value or uri.startswith(p.value.rstrip("/") + "/"),
            "versions": lambda uri: uri == p.value or uri.startswith(p.value if p.value[-1] == "|" else p.value + "."),
            "above": lambda uri: p.value == uri or p.value.startswith(uri + "/"),
        }
        return any(tests[p.match](uri) for (uri,) in self.values(entries, p.parameter, kinds.URI))

    def CompositeIs(self, p: q.CompositeIs, key: Any, entries: Any) -> bool:
        parts = {entry[2] for entry in entries}
        return any(
            all(self.holds(inner, key, tuple(e for e in entries if e[2] == part)) for inner in p.parts)
            for part in parts
        )

    def Missing(self, p: q.Missing, key: Any, entries: Any) -> bool:
        return p.missing != any(entry[1] == p.parameter for entry in entries)

    def IdIs(self, p: q.IdIs, key: Any, entries: Any) -> bool:
        return key[1] in p.logical_ids

    def LastUpdatedIs(self, p: q.LastUpdatedIs, key: Any, entries: Any) -> bool:
        low = self.updated[key]
        return holds(DATE_RULES[p.prefix], {"low": low, "high": low + 1000}, {"LOW": p.low, "HIGH": p.high})

    def Not(self, p: q.Not, key: Any, entries: Any) -> bool:
        return not self.clause(p.clause, key)

    def AllOf(self, p: q.AllOf, key: Any, entries: Any) -> bool:
        return all(self.clause(clause, key) for clause in p.clauses)

    def FullText(self, p: q.FullText, key: Any, entries: Any) -> bool:
        texts = [text for entry in entries if entry[0] == kinds.FULL_TEXT for text in entry[3:]]
        searched = texts[:1] if p.parameter == "_text" else texts
        return all(any(_stands_in(phrase.split(" "), text.split(" ")) for text in searched) for phrase in p.phrases)

    def Near(self, p: q.Near, key: Any, entries: Any) -> bool:
        latitudes, longitudes = (
            self.values(entries, p.parameter + side, kinds.NUMBER) for side in ("$latitude", "$longitude")
        )
        return any(
            is_within(*latitude, *longitude, p.latitude, p.longitude, p.metres)
            for latitude, longitude in zip(latitudes, longitudes, strict=True)
        )

    def leads_to(self, name: str, source: Any, target: tuple[str, str]) -> bool:
        """Whether a reference parameter of a resource leads to another one: literally, by identifier, by canonical."""
        entries, those = self.entries[source], self.entries[target]
        said = set(self.values(entries, f"{name}:logical", kinds.TOKEN))
        canonical = set(self.values(entries, f"{name}:canonical", kinds.URI))
        return (
            target in self.values(entries, name, kinds.REFERENCE)
            or not said.isdisjoint(self.values(those, "identifier", kinds.TOKEN))
            or not canonical.isdisjoint(self.values(those, "_canonical", kinds.URI))
        )

    def Chain(self, p: q.Chain, key: Any, entries: Any) -> bool:
        return any(
            self.leads_to(p.parameter, key, target) and all(self.clause(clause, target) for clause in p.where)
            for target in self.entries
            if target[0] == p.target_type
        )

    def Has(self, p: q.Has, key: Any, entries: Any) -> bool:
        return any(
            self.leads_to(p.parameter, source, key) and all(self.clause(clause, source) for clause in p.where)
            for source in self.entries
            if source[0] == p.source_type
        )

    def ReferenceWithin(self, p: q.ReferenceWithin, key: Any, entries: Any) -> bool:
        reached = {(p.target_type, p.target_id)}
        while True:
            if p.match == "below":
                parts = {each for each in self.entries if each[0] == p.target_type}
                more = {each for each in parts if reached & set(self.values(self.entries[each], p.by, kinds.REFERENCE))}
            else:
                more = {w for each in reached for w in self.values(self.entries.get(each, ()), p.by, kinds.REFERENCE)}
            if more <= reached:
                return bool(reached & set(self.values(entries, p.parameter, kinds.REFERENCE)))
            reached |= more

    def Contained(self, p: q.Contained, key: Any, entries: Any) -> bool:
        there = numbers(p.resource_type, (str(entry[1]) for entry in entries))
        return any(all(self.clause(clause, key) for clause in of_number(p, number)) for number in there)

    def OfType(self, p: q.OfType, key: Any, entries: Any) -> bool:
        return key[0] == p.resource_type

    def InCompartment(self, p: q.InCompartment, key: Any, entries: Any) -> bool:
        owner = (p.compartment_type, p.logical_id)
        return key == owner or any(owner in self.values(entries, name, kinds.REFERENCE) for name in p.parameters)


def _stands_in(phrase: list[str], words: list[str]) -> bool:
    """Whether the words of a phrase follow one another; a star stands for how the last one goes on."""
    *before, last = phrase
    for place in range(len(words) - len(phrase) + 1):
        end = words[place + len(before)]
        if words[place : place + len(before)] == before and (
            end.startswith(last[:-1]) if last.endswith("*") else end == last
        ):
            return True
    return False
