"""Codes by the thousand, contained resources, hierarchies, and references by identifier or canonical: what a store
finds is what a plain reading finds."""

from __future__ import annotations

import pytest

from countyfhir.exchange import Write
from countyfhir.search.entries import REFERENCE, TOKEN, URI
from countyfhir.search.query import (
    AllOf,
    Chain,
    Clause,
    Contained,
    Has,
    IdIs,
    Missing,
    Not,
    OfType,
    Query,
    ReferenceWithin,
    Sort,
    TokenIn,
    TokenIs,
    UriIs,
)
from countyfhir.store.ports import Store

from .conftest import Open
from .samples import Shelf, commit, delete, run, write

FORM = "http://county.example/fhir/Questionnaire/frail"


def coded(kind: str, logical_id: str, *codes: tuple[str, str], subject: str | None = None) -> Write:
    pointed = [(REFERENCE, "subject", 0, "Patient", subject)] if subject else []
    return write(kind, logical_id, *((TOKEN, "code", 0, *code) for code in codes), *pointed)


def contained(logical_id: str, *codes: tuple[int, str], used: int | None = None, maker: str | None = None) -> Write:
    entries = [(TOKEN, f"#{number}.Medication._id", 0, "", f"m{number}") for number in {number for number, _ in codes}]
    entries += [(TOKEN, f"#{number}.Medication.code", 0, "urn:a", code) for number, code in codes]
    if used:
        entries.append((TOKEN, "medication:contained", 0, "", f"{used}.Medication"))
    made = [(REFERENCE, "#1.Medication.manufacturer", 0, "Organization", maker)] if maker else []
    return write("MedicationRequest", logical_id, *entries, *made)


WRITES = [
    *(coded("Condition", f"c{place}", ("urn:a", f"a{place}"), subject=f"p{place % 3}") for place in range(9)),
    coded("Condition", "whole", ("urn:whole", "anything")),
    coded("Condition", "several", ("urn:b", "a1"), ("urn:a", "a2")),
    coded("Condition", "bare", ("", "a3")),
    write("Condition", "none"),
    *(write("Patient", f"p{place}", (TOKEN, "identifier", 0, "urn:i", str(place))) for place in range(3)),
    write("Observation", "logical", (REFERENCE, "subject", 0, "", ""), (TOKEN, "subject:logical", 0, "urn:i", "1")),
    write("Observation", "elsewhere", (TOKEN, "subject:logical", 0, "urn:other", "1")),
    write("Questionnaire", "f1", (URI, "_canonical", 0, FORM), (URI, "_canonical", 0, f"{FORM}|1")),
    write("Questionnaire", "f2", (URI, "_canonical", 0, FORM), (URI, "_canonical", 0, f"{FORM}|2")),
    *(
        write("QuestionnaireResponse", name, (URI, "questionnaire:canonical", 0, FORM + version))
        for name, version in (("any", ""), ("one", "|1"), ("two", "|2"), ("later", "|2.1"), ("ten", "|20"))
    ),
    write("Location", "top", (TOKEN, "status", 0, "", "active")),
    write("Location", "mid", (REFERENCE, "partof", 0, "Location", "top")),
    write("Location", "low", (REFERENCE, "partof", 0, "Location", "mid")),
    write("Location", "x", (REFERENCE, "partof", 0, "Location", "y")),
    write("Location", "y", (REFERENCE, "partof", 0, "Location", "x")),
    *(write("Procedure", f"at-{at}", (REFERENCE, "location", 0, "Location", at)) for at in ("top", "mid", "low", "x")),
    write("Organization", "maker", (TOKEN, "active", 0, "", "true")),
    coded("Medication", "free", ("urn:a", "X")),
    contained("one", (1, "X"), used=1, maker="maker"),
    contained("two", (1, "X"), (1, "Y"), (2, "Z"), used=2),
    contained("three", (1, "Z"), (2, "X"), (3, "Y")),
    write("MedicationRequest", "plain", (REFERENCE, "medication", 0, "Medication", "free")),
]


def whole(*systems: str, pairs: tuple[tuple[str, str], ...] = ()) -> Clause:
    return (TokenIn("code", frozenset(systems), frozenset(pairs)),)


MANY = tuple(("urn:a", f"a{place}") for place in range(5, 20_000))
X, Z = ((TokenIs("code", "urn:a", "X"),),), ((TokenIs("code", None, "Z"),),)
CLAUSES: dict[str, tuple[str, Clause]] = {
    "twenty thousand codes": ("Condition", whole(pairs=MANY)),
    "a whole system": ("Condition", whole("urn:whole", "urn:unknown")),
    "a system and codes": ("Condition", whole("urn:b", pairs=(("urn:a", "a4"), ("", "a3"), ("urn:unknown", "x")))),
    "a system and its codes": ("Condition", whole("urn:a", pairs=(("urn:a", "a4"),))),
    "no codes": ("Condition", whole()),
    "not in": ("Condition", (Not(whole(pairs=MANY)),)),
    "codes behind a chain": ("Patient", (Has("Condition", "subject", (whole(pairs=MANY),)),)),
    "below": ("Procedure", (ReferenceWithin("location", "below", "Location", "mid", "partof"),)),
    "above": ("Procedure", (ReferenceWithin("location", "above", "Location", "low", "partof"),)),
    "a circle": ("Procedure", (ReferenceWithin("location", "below", "Location", "y", "partof"),)),
    "below the unknown": ("Procedure", (ReferenceWithin("location", "below", "Location", "gone", "partof"),)),
    "parts of parts": ("Location", (ReferenceWithin("partof", "below", "Location", "top", "partof"),)),
    "by identifier": ("Observation", (Chain("subject", "Patient", ((IdIs(("p1",)),),)),)),
    "to any by identifier": ("Observation", (Chain("subject", "Patient", ()),)),
    "back by identifier": ("Patient", (Has("Observation", "subject", ()),)),
    "by canonical": ("QuestionnaireResponse", (Chain("questionnaire", "Questionnaire", ((IdIs(("f2",)),),)),)),
    "back by canonical": ("Questionnaire", (Has("QuestionnaireResponse", "questionnaire", ((IdIs(("one",)),),)),)),
    "a version": ("QuestionnaireResponse", (UriIs("questionnaire:canonical", "versions", f"{FORM}|2"),)),
    "every version": ("QuestionnaireResponse", (UriIs("questionnaire:canonical", "versions", f"{FORM}|"),)),
    "contained": ("MedicationRequest", (Contained("Medication", X),)),
    "contained with both": ("MedicationRequest", (Contained("Medication", (*X, (TokenIs("code", None, "Y"),))),)),
    "contained without": ("MedicationRequest", (Contained("Medication", ((Not(X[0]),),)),)),
    "contained and missing": ("MedicationRequest", (Contained("Medication", (*X, (Missing("manufacturer", True),))),)),
    "contained and used": ("MedicationRequest", (Contained("Medication", Z, "medication"),)),
    "contained by id": ("MedicationRequest", (Contained("Medication", ((IdIs(("m3",)),),)),)),
    "a chain from inside": (
        "MedicationRequest",
        (Contained("Medication", ((Chain("manufacturer", "Organization", ()),),)),),
    ),
    "a chain there or inside": (
        "MedicationRequest",
        (Chain("medication", "Medication", X), Contained("Medication", X, "medication")),
    ),
    "nothing points inside": (
        "MedicationRequest",
        (Contained("Medication", ((Has("MedicationRequest", "medication", ()),),)),),
    ),
    "what is not contained": ("MedicationRequest", (Contained("Organization", ()),)),
}


@pytest.mark.parametrize("selective", [True, False], ids=["few", "many"])
def test_found_as_a_plain_reading_finds(open_store: Open, selective: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each clause alone, negated, and beside another one."""
    if not selective:
        monkeypatch.setattr("countyfhir.store.sqlite.leading.least", lambda scope, choices: None)

    async def story(store: Store) -> None:
        await commit(store, *WRITES, write("Location", "dead", (REFERENCE, "partof", 0, "Location", "top")))
        await commit(store, delete("Location", "dead"))
        shelf = Shelf(WRITES)
        for name, (kind, clause) in CLAUSES.items():
            for where in ((clause,), ((Not(clause),),), (clause, (Not((IdIs(("c7",)),)),)), ((AllOf((clause,) * 2),),)):
                query = Query((kind,), where, (Sort("_id", "token"),), count=50, total="accurate")
                page = await store.resources.search(query)
                assert {f"{kind}/{each.logical_id}" for each in page.matches} == shelf.find(query), name
                assert page.total == len(page.matches), name

    run(open_store, story)


def test_each_type_may_be_asked_something_else(open_store: Open) -> None:
    """Medications with a code, and what contains one, in one search."""

    async def story(store: Store) -> None:
        await commit(store, *WRITES)
        either = (AllOf(((OfType("Medication"),), *X)), Contained("Medication", X))
        query = Query(("Medication", "MedicationRequest", "Condition", "Basic"), (either,), count=50)
        page = await store.resources.search(query)
        names = {f"{each.resource_type}/{each.logical_id}" for each in page.matches}
        assert names == Shelf(WRITES).find(query)
        assert names == {"Medication/free", *(f"MedicationRequest/{name}" for name in ("one", "two", "three"))}

    run(open_store, story)
