"""Every search predicate finds what a plain reading of it finds, alone and in combination, in any order and page by
page."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from countyfhir.exchange import Grant, Write
from countyfhir.search import entries as kinds
from countyfhir.search.decimal_key import encode
from countyfhir.search.entries import DATE, NUMBER, QUANTITY, REFERENCE, STRING, TOKEN, URI
from countyfhir.search.query import (
    FOREVER,
    Chain,
    CompositeIs,
    DateIs,
    Has,
    IdIs,
    Include,
    InCompartment,
    LastUpdatedIs,
    Missing,
    Not,
    NumberIs,
    Query,
    ReferenceIs,
    Sort,
    StringIs,
    TokenIs,
    UriIs,
)
from countyfhir.store.ports import Store

from .conftest import Open
from .samples import DAY, Shelf, commit, delete, run, write

FAMILIES = (("wang", "Wang"), ("王", "王"), ("李", "李"), ("wanless", "Wanless"), ("o'brien", "O'Brien"))
LOINC = "http://loinc.org"


def number(value: int, spread: str = "0.5") -> dict[str, bytes]:
    around = Decimal(spread)
    return {"low": encode(value - around), "exact": encode(value), "high": encode(value + around)}


def patients(chance: random.Random) -> list[Write]:
    made = []
    for place in range(40):
        family, given = chance.choice(FAMILIES), chance.choice(FAMILIES)
        born = chance.randrange(20_000) * DAY
        entries: list[tuple[Any, ...]] = [
            (STRING, "family", 0, *family),
            (STRING, "name", 0, *family),
            (STRING, "name", 0, *given),
            (TOKEN, "gender", 0, "http://hl7.org/fhir/administrative-gender", chance.choice(("male", "female"))),
            (TOKEN, "identifier", 0, f"urn:hospital:{place % 3}", f"n{place % 20}"),
            (STRING, "name", 0, f"pinyin {place % 5}", ""),
            (TOKEN, "identifier", 0, "", ""),
            (URI, "_profile", 0, f"http://county.example/fhir/{'resident' if place % 2 else 'resident/child'}"),
        ]
        if place % 4:
            entries += [(DATE, "birthdate", 0, born, born + DAY), (TOKEN, "active", 0, "", "true")]
        made.append(write("Patient", f"p{place}", *entries))
    return made


def observations(chance: random.Random) -> list[Write]:
    made = []
    for place in range(160):
        subject = f"p{chance.randrange(44)}"  # some of them were never written
        start, code = chance.randrange(20_000) * DAY, chance.choice(("a", "b", "c"))
        entries: list[tuple[Any, ...]] = [
            (TOKEN, "code", 0, LOINC, code),
            (DATE, "date", 0, start, start + chance.choice((1000, DAY, 400 * DAY))),
        ]
        if place % 7:
            entries += [(REFERENCE, "subject", 0, "Patient", subject), (REFERENCE, "patient", 0, "Patient", subject)]
        else:
            entries.append((REFERENCE, "subject", 0, "", f"http://elsewhere.example/fhir/Patient/{place}"))
        for part in range(place % 4):
            value, unit = chance.randrange(10), chance.choice(("kg", "g"))
            entries += [(QUANTITY, "value-quantity", 0, key, encode(value)) for key in ("", f"ucum|{unit}", f"={unit}")]
            entries += [
                (TOKEN, "code-value-quantity$1", part, LOINC, code),
                (QUANTITY, "code-value-quantity$2", part, "", encode(value)),
            ]
        if place % 5 == 0:
            entries.append((NUMBER, "probability", 0, encode(Decimal(place) / 10)))
        made.append(write("Observation", f"o{place}", *entries))
    return made


async def filled(store: Store, seed: int = 7) -> Shelf:
    """Patients and observations, some rewritten, some deleted, and the shelf that holds the same."""
    chance = random.Random(seed)
    first = [*patients(chance), *observations(chance)]
    await commit(store, *first)
    again = [*patients(chance)[::3], *observations(chance)[::4]]
    await commit(store, *again)
    gone = [delete("Patient", "p5"), delete("Observation", "o8"), delete("Observation", "o9")]
    await commit(store, *gone)
    kept = {(made.resource_type, made.logical_id): made for made in [*first, *again]}
    for made in gone:
        del kept[made.resource_type, made.logical_id]
    shelf = Shelf(kept.values())
    for key in kept:
        stored = await store.resources.read(*key)
        assert stored is not None
        shelf.updated[key] = stored.last_updated
    return shelf


async def found(store: Store, query: Query, grant: Grant | None = None) -> list[str]:
    """Every match, read page by page in the order they come."""
    names: list[str] = []
    while True:
        page = await (store.resources.search(query, grant) if grant else store.resources.search(query))
        names += [f"{match.resource_type}/{match.logical_id}" for match in page.matches]
        if page.cursor is None:
            return names
        assert len(page.matches) == query.count
        query = replace(query, cursor=page.cursor)


PATIENT_CLAUSES = {
    "token": (TokenIs("gender", "http://hl7.org/fhir/administrative-gender", "male"),),
    "token of any system": (TokenIs("identifier", None, "n7"),),
    "token of a system": (TokenIs("identifier", "urn:hospital:1", None),),
    "token without system": (TokenIs("active", "", "true"),),
    "token of an unknown system": (TokenIs("identifier", "urn:nowhere", "n7"),),
    "unknown parameter": (TokenIs("no-such", None, "x"),),
    "either of two tokens": (
        TokenIs("identifier", "urn:hospital:0", "n3"),
        TokenIs("identifier", "urn:hospital:1", "n4"),
    ),
    "string starts": (StringIs("family", "starts", "wan"),),
    "string in Chinese": (StringIs("name", "starts", "王"),),
    "string contains": (StringIs("name", "contains", "an"),),
    "string exact": (StringIs("name", "exact", "Wang"),),
    "string exact in other case": (StringIs("name", "exact", "wang"),),
    "missing": (Missing("birthdate", True),),
    "not missing": (Missing("birthdate", False),),
    "missing or male": (Missing("birthdate", True), TokenIs("gender", None, "male")),
    "not": (Not((TokenIs("gender", None, "male"),)),),
    "not either": (Not((StringIs("family", "starts", "wan"), TokenIs("active", None, "true"))),),
    "uri": (UriIs("_profile", "exact", "http://county.example/fhir/resident"),),
    "uri below": (UriIs("_profile", "below", "http://county.example/fhir/resident"),),
    "uri above": (UriIs("_profile", "above", "http://county.example/fhir/resident/child/newborn"),),
    "ids": (IdIs(("p1", "p2", "p5", "nobody")),),
    "has": (
        Has(
            "Observation", "patient", ((TokenIs("code", LOINC, "a"),), (DateIs("date", "ge", 9000 * DAY, 9001 * DAY),))
        ),
    ),
    "has not": (Not((Has("Observation", "patient", ((TokenIs("code", LOINC, "a"),),)),)),),
    "compartment": (InCompartment("Patient", "p3", ("link",)),),
    "birthdate missing in a child": (Not((Missing("birthdate", False),)),),
    "last updated": (LastUpdatedIs("ge", 0, 1),),
    "updated at all": (LastUpdatedIs("ge", -FOREVER, -FOREVER),),
    "never updated": (LastUpdatedIs("lt", -FOREVER, -FOREVER),),
    "not updated before": (LastUpdatedIs("lt", 1000, 2000),),
}
OBSERVATION_CLAUSES = {
    "reference": (ReferenceIs("subject", "Patient", "p3"),),
    "reference of any type": (ReferenceIs("subject", None, "p4"),),
    "reference to a type": (ReferenceIs("subject", "Patient", None),),
    "reference to nobody": (ReferenceIs("subject", "Patient", "nobody"),),
    "reference to one never written": (ReferenceIs("subject", "Patient", "p42"),),
    "reference to a url": (ReferenceIs("subject", None, None, "http://elsewhere.example/fhir/Patient/14"),),
    "chain": (
        Chain("subject", "Patient", ((StringIs("family", "starts", "王"),), (TokenIs("gender", None, "male"),))),
    ),
    "chain to the missing": (Chain("patient", "Patient", ((Missing("birthdate", True),),)),),
    "chain of a has": (
        Chain("patient", "Patient", ((Has("Observation", "subject", ((TokenIs("code", None, "b"),),)),),)),
    ),
    "composite": (
        CompositeIs(
            "code-value-quantity",
            (TokenIs("code-value-quantity$1", LOINC, "a"), NumberIs("code-value-quantity$2", "gt", **number(4))),
        ),
    ),
    "composite of ranges": (
        CompositeIs(
            "code-value-quantity",
            (NumberIs("code-value-quantity$2", "ne", **number(4)), TokenIs("code-value-quantity$1", None, "b")),
        ),
    ),
    "compartment": (InCompartment("Patient", "p7", ("subject", "performer")),),
    "number": (NumberIs("probability", "le", **number(8)),),
    **{
        f"quantity {prefix}": (NumberIs("value-quantity", prefix, **number(5), unit="=kg"),)
        for prefix in ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
    },
    "quantity of any unit": (NumberIs("value-quantity", "eq", **number(5), unit=""),),
    **{
        f"date {prefix}": (DateIs("date", prefix, 9000 * DAY, 9400 * DAY),)
        for prefix in ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
    },
}
CLAUSES = [
    *(pytest.param("Patient", clause, id=f"Patient {name}") for name, clause in PATIENT_CLAUSES.items()),
    *(pytest.param("Observation", clause, id=f"Observation {name}") for name, clause in OBSERVATION_CLAUSES.items()),
]


def test_every_predicate_and_every_pair_of_them(open_store: Open) -> None:
    """Each clause finds what a plain reading finds, and so does each pair of clauses."""

    async def story(store: Store) -> None:
        shelf = await filled(store)
        for kind, clauses in (("Patient", PATIENT_CLAUSES), ("Observation", OBSERVATION_CLAUSES)):
            listed = list(clauses.items())
            for place, (name, clause) in enumerate(listed):
                for other, second in [("alone", None), *listed[place + 1 :]]:
                    where = (clause,) if second is None else (clause, second)
                    query = Query((kind,), where, count=13)
                    names = await found(store, query)
                    assert len(names) == len(set(names)), (name, other)
                    assert set(names) == shelf.find(query), (name, other)

    run(open_store, story)


SORTS = {
    "Patient": [
        Sort("family", "string"),
        Sort("birthdate", "date"),
        Sort("name", "string", True),
        Sort("birthdate", "date", True),
        Sort("identifier", "token"),
        Sort("_id", "token"),
        Sort("_lastUpdated", "date", True),
        Sort("gender", "token", True),
        Sort("_profile", "uri"),
        Sort("no-such", "token"),
    ],
    "Observation": [
        Sort("date", "date"),
        Sort("date", "date", True),
        Sort("value-quantity", "quantity"),
        Sort("probability", "number", True),
        Sort("subject", "reference"),
        Sort("subject", "reference", True),
        Sort("code", "token"),
    ],
}


def key_of(shelf: Shelf, sort: Sort, key: tuple[str, str]) -> Any:
    """The value a resource sorts by, None when it has none."""
    own = {"_id": key[1], "_lastUpdated": shelf.updated[key]}
    if sort.parameter in own:
        return own[sort.parameter]
    entries = [entry for entry in shelf.entries[key] if entry[1] == sort.parameter]
    values: dict[int, Any] = {
        kinds.TOKEN: lambda e: e[4] or None,
        kinds.STRING: lambda e: e[3] if e[4] else None,
        kinds.DATE: lambda e: e[4] if sort.descending else e[3],
        kinds.QUANTITY: lambda e: e[4] if e[3] == "" else None,
        kinds.REFERENCE: lambda e: f"{e[3]}/{e[4]}" if e[3] else e[4],
    }
    found = [value for entry in entries if (value := values.get(entry[0], lambda e: e[3])(entry)) is not None]
    return (max if sort.descending else min)(found, default=None)


@pytest.mark.parametrize("selective", [True, False], ids=["few matches", "walking the index"])
def test_sorting_by_one_and_two_keys(open_store: Open, monkeypatch: pytest.MonkeyPatch, selective: bool) -> None:
    """Pages in sort order give every match once; missing values come last both ways; the keys never go back."""
    if not selective:
        monkeypatch.setattr("countyfhir.store.sqlite.leading.least", lambda scope, choices: None)

    async def story(store: Store) -> None:
        shelf = await filled(store)
        clauses: dict[str, list[tuple[Any, ...]]] = {
            "Patient": [(), ((TokenIs("gender", None, "male"),),)],
            "Observation": [(), ((TokenIs("code", LOINC, "a"),),)],
        }
        for kind, sorts in SORTS.items():
            chosen = [(sort,) for sort in sorts] + [
                (sort, other) for sort in sorts for other in sorts if sort.parameter != other.parameter
            ]
            for sort in chosen:
                for where in clauses[kind]:
                    query = Query((kind,), where, sort, count=11)
                    names = await found(store, query)
                    assert len(names) == len(set(names)), sort
                    assert set(names) == shelf.find(query), sort
                    keys = [tuple(key_of(shelf, key, tuple(name.split("/"))) for key in sort) for name in names]  # type: ignore[arg-type]
                    assert keys == sorted(
                        keys,
                        key=lambda row: tuple(
                            Placed(value, key.descending) for value, key in zip(row, sort, strict=True)
                        ),
                    ), sort

    run(open_store, story)


class Placed:
    """A value in the direction asked for, None last."""

    def __init__(self, value: Any, descending: bool) -> None:
        self.value, self.descending = value, descending

    def __lt__(self, other: Placed) -> bool:
        if self.value is None or other.value is None:
            return self.value is not None
        return bool(other.value < self.value if self.descending else self.value < other.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Placed) and self.value == other.value

    __hash__ = None  # type: ignore[assignment]


def test_several_types_are_one_list(open_store: Open) -> None:
    """Matches of all types come merged in sort order, page by page; no type named means all that occur."""

    async def story(store: Store) -> None:
        shelf = await filled(store)
        both = ("Patient", "Observation")
        for sort in (
            (),
            (Sort("_lastUpdated", "date"),),
            (Sort("_lastUpdated", "date", True),),
            (Sort("_id", "token"),),
        ):
            query = Query(both, (), sort, count=17)
            names = await found(store, query)
            assert len(names) == len(set(names))
            assert set(names) == shelf.find(query) == set(await found(store, Query((), (), sort, count=50)))
            keys = [tuple(key_of(shelf, key, tuple(name.split("/"))) for key in sort) for name in names]  # type: ignore[arg-type]
            assert keys == sorted(keys, reverse=bool(sort) and sort[0].descending)
        assert await found(store, Query(("Basic",))) == []

    run(open_store, story)


def test_types_in_turn_come_as_they_are_named(open_store: Open) -> None:
    """All of one type before the next, each once, whatever the size of the pages."""

    async def story(store: Store) -> None:
        shelf = await filled(store)
        both = ("Patient", "Basic", "Observation")
        for count in (7, 1_000):
            names = await found(store, Query(both, count=count, in_turn=True))
            assert len(names) == len(set(names))
            assert set(names) == shelf.find(Query(both))
            types = [name.partition("/")[0] for name in names]
            assert types == sorted(types, key=both.index)
        assert len(set(types)) == 2

    run(open_store, story)


def test_what_was_absent_is_found_once_it_is_there(open_store: Open) -> None:
    """A parameter without entries, asked for twice, finds what is written afterwards; so do labels nothing bore."""

    async def story(store: Store) -> None:
        grown, labelled = TokenIs("grown", None, "yes"), TokenIs("_security", "urn:label", "R")
        narrowed = Grant({"*": frozenset("rs")}, {"Patient": (((Not((labelled,)),),),)})
        await commit(store, write("Patient", "p1", (TOKEN, "active", 0, "", "true")))
        for _ in range(2):
            assert (await store.resources.search(Query(("Patient",), ((grown,),)))).matches == ()
            assert len((await store.resources.search(Query(("Patient",), total="accurate"), narrowed)).matches) == 1
        entries = ((TOKEN, "grown", 0, "", "yes"), (TOKEN, "_security", 0, "urn:label", "R"))
        await commit(store, write("Patient", "p2", *entries))
        found = await store.resources.search(Query(("Patient",), ((grown,),)))
        assert [one.logical_id for one in found.matches] == ["p2"]
        seen = await store.resources.search(Query(("Patient",), total="accurate"), narrowed)
        assert ([one.logical_id for one in seen.matches], seen.total) == (["p1"], 1)

    run(open_store, story)


def test_totals_are_counted_when_asked_for(open_store: Open) -> None:
    """None by default; accurate and estimate count the matches, not the page; count 0 gives only the total."""

    async def story(store: Store) -> None:
        shelf = await filled(store)
        search = store.resources.search
        for where in (
            (),
            (PATIENT_CLAUSES["token"],),
            (PATIENT_CLAUSES["either of two tokens"],),
            (PATIENT_CLAUSES["not"],),
        ):
            expected = len(shelf.find(Query(("Patient",), where)))
            assert (await search(Query(("Patient",), where, count=3))).total is None
            for total in ("accurate", "estimate"):
                assert (await search(Query(("Patient",), where, count=3, total=total))).total == expected
            only = await search(Query(("Patient",), where, count=0))
            assert (only.total, only.matches, only.cursor) == (expected, (), None)

    run(open_store, story)


def test_an_include_follows_a_canonical(open_store: Open) -> None:
    """What a canonical names comes along, in the version that it names where it names one; and back from it."""
    url = "http://county.example/fhir/Questionnaire/frail"

    def questionnaire(logical_id: str, version: str) -> Write:
        names = ((URI, "_canonical", 0, url), (URI, "_canonical", 0, f"{url}|{version}"))
        return write("Questionnaire", logical_id, (URI, "url", 0, url), *names)

    def response(logical_id: str, canonical: str) -> Write:
        literal = ((REFERENCE, "questionnaire", 0, "", each) for each in dict.fromkeys((url, canonical)))
        return write("QuestionnaireResponse", logical_id, *literal, (URI, "questionnaire:canonical", 0, canonical))

    async def included(store: Store, kind: str, logical_id: str, include: Include) -> set[str]:
        query = Query((kind,), ((IdIs((logical_id,)),),), includes=(include,))
        return {one.logical_id for one in (await store.resources.search(query)).included}

    async def story(store: Store) -> None:
        await commit(store, questionnaire("q1", "1"), questionnaire("q2", "2"))
        await commit(store, response("r1", f"{url}|1"), response("r", url))
        forth = Include("QuestionnaireResponse", "questionnaire")
        assert await included(store, "QuestionnaireResponse", "r1", forth) == {"q1"}
        assert await included(store, "QuestionnaireResponse", "r", forth) == {"q1", "q2"}
        back = Include("QuestionnaireResponse", "questionnaire", None, reverse=True)
        assert await included(store, "Questionnaire", "q1", back) == {"r1", "r"}
        assert await included(store, "Questionnaire", "q2", back) == {"r"}

    run(open_store, story)
