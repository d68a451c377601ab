"""What an institution may see: its own, and what concerns residents it has a relation to (docs/access.md).

A resource concerns the Patients that it points to; a Patient concerns itself. Relations are looked up for some hundred
resources at a time; where an institution has few, they also lead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from countyfhir.search.query import OwnBy, SeenBy
from countyfhir.search.relations import ACTORS, DENY, FIRM, PERSON
from countyfhir.store import instant
from countyfhir.store.mongodb.index_keys import EVERYBODY, SEVERAL, stem
from countyfhir.store.mongodb.reading import BATCH, Condition, Document, Filter, Probe, Reading, every, some

FEW = 1_000
"""So many relations, and so many actors of an institution, are listed in a query."""


@dataclass(slots=True)
class _Caller:
    """The institutions with all that belongs to them (``listed``, None when that is too much to list), the instant, the
    type that is asked about."""

    kind: str
    organizations: frozenset[str]
    listed: frozenset[str] | None
    now: int
    known: dict[str, bool] = field(default_factory=dict)

    async def learn(self, reading: Reading, rows: Iterable[Document]) -> None:
        """Find out which actors of these rows belong to the institutions."""
        new = {row["a"] for row in rows} - self.known.keys()
        if self.listed is not None:
            self.known |= {actor: actor in self.listed for actor in new}
            return
        found = {
            each["_id"]
            async for each in reading.find(
                "entry", {"_id": {"$in": sorted(new)}, "k": {"$in": self.keys()}}, {"_id": 1}
            )
        }
        self.known |= {actor: actor in self.organizations or actor in found for actor in new}

    def keys(self) -> list[str]:
        """By which what belongs to the institutions names them."""
        kinds = sorted(ACTORS - {"Organization"})
        named = [one.partition("/")[2] for one in sorted(self.organizations)]
        return [f"{stem(kind, 'organization', 'r')}{one}/Organization" for kind in kinds for one in named]

    def holds(self, row: Document, owner: str) -> bool:
        """Whether a row is in force about that resource; who it is for is another question."""
        return (
            row["l"] <= self.now < row["h"]
            and (not row["y"] or f"|{self.kind}|" in row["y"])
            and row["i"] in ("", owner)
        )


async def seen_by(reading: Reading, kind: str, predicate: SeenBy) -> Condition:
    caller = await _caller(reading, kind, predicate.organizations)

    async def seen(reading: Reading, owners: Sequence[str]) -> set[str]:
        return await _seen(reading, caller, predicate, owners)

    leads = await _leading(reading, caller) if kind == "Patient" or predicate.attached else None
    return Probe(seen) if leads is None else every([leads, Probe(seen)])


async def own_by(reading: Reading, kind: str, predicate: OwnBy) -> Condition:
    caller = await _caller(reading, kind, predicate.organizations)

    async def own(reading: Reading, owners: Sequence[str]) -> set[str]:
        documents = dict(await reading.of_owners(owners, {"a": {"$exists": True}}, {"a": 1}))
        return await _own(reading, caller, documents)

    return Probe(own)


async def _caller(reading: Reading, kind: str, organizations: Sequence[str]) -> _Caller:
    named = frozenset(f"Organization/{one}" for one in organizations)
    caller = _Caller(kind, named, None, instant.now())
    found = await reading.find("entry", {"k": {"$in": caller.keys()}}, {"_id": 1}, limit=FEW + 1).to_list()
    if len(found) <= FEW:
        caller.listed = named | {each["_id"] for each in found}
    return caller


async def _leading(reading: Reading, caller: _Caller) -> Condition | None:
    """What can only be seen: the caller's own and what concerns the residents that it has a relation to; None where
    they are too many to list."""
    if caller.listed is None:
        return None
    actors = {"$in": sorted(caller.listed)}
    where = {"a": {"$elemMatch": {"a": actors, "w": {"$gt": 0}}}}
    patients: set[str] = set()
    count = 0
    async for each in reading.find("entry", where, {"a": 1}, limit=FEW + 1):
        count += 1
        patients.update(row["s"] for row in each["a"] if row["w"] > 0 and row["a"] in caller.listed)
    if count > FEW:
        return None
    linked = await _linked(reading, {one.partition("/")[2] for one in patients})
    ids = {one for its in linked.values() for one in its}
    own = Filter({"a": {"$elemMatch": {"a": actors, "w": 0}}})
    if caller.kind == "Patient":
        return some([own, Filter({"t": "Patient", "i": {"$in": sorted(ids)}})])
    return some([own, Filter({"p": {"$in": [*sorted(ids), SEVERAL]}})])


async def _seen(reading: Reading, caller: _Caller, predicate: SeenBy, owners: Sequence[str]) -> set[str]:
    documents = await _documents(reading, owners)
    visible = await _own(reading, caller, documents)
    rest = {owner: each for owner, each in documents.items() if owner not in visible}
    concerned = {owner: _patients(owner, each) for owner, each in rest.items()}
    hidden: set[str] = set()
    if predicate.through:
        hidden = await _beyond(reading, rest, concerned)
    wanted = {(owner, one) for owner, its in concerned.items() for one in its}
    open_to = await _open(reading, caller, wanted)
    for owner, its in concerned.items():
        nobody = not its and not predicate.attached
        if owner not in hidden and (nobody or (its and all((owner, one) in open_to for one in its))):
            visible.add(owner)
    return visible


async def _documents(reading: Reading, owners: Sequence[str]) -> dict[str, Document]:
    """Of each resource the patient it lies with, what it points to and its relations."""
    merged: dict[str, Document] = {}
    for owner, document in await reading.of_owners(owners, {}, {"p": 1, "r": 1, "a": 1}):
        kept = merged.setdefault(owner, {"p": document["p"], "r": [], "a": []})
        kept["r"] += document.get("r", ())
        kept["a"] += document.get("a", ())
    return merged


async def _own(reading: Reading, caller: _Caller, documents: dict[str, Document]) -> set[str]:
    rows = {owner: [row for row in each.get("a", ()) if row["w"] == 0] for owner, each in documents.items()}
    await caller.learn(reading, (row for its in rows.values() for row in its))
    return {owner for owner, its in rows.items() if any(caller.known[row["a"]] for row in its)}


def _patients(owner: str, document: Document) -> set[str]:
    """Ids of the Patients that a resource concerns."""
    if owner.startswith("Patient/"):
        return {owner.partition("/")[2]}
    if document["p"] != SEVERAL:
        return {document["p"]} if document["p"] else set()
    return {each[8:-2] for each in document["r"] if each.startswith("Patient/")}


async def _beyond(reading: Reading, documents: dict[str, Document], concerned: dict[str, set[str]]) -> set[str]:
    """Add the Patients that what a resource points to concerns; those that point to what was deleted."""
    reached = {
        owner: [each[:-2] for each in its["r"] if not each.startswith("Patient/")] for owner, its in documents.items()
    }
    targets = sorted({one for its in reached.values() for one in its})
    found: dict[str, Document] = {}
    gone: set[str] = set()
    for start in range(0, len(targets), BATCH):
        some_of = targets[start : start + BATCH]
        found |= await _documents(reading, some_of)
        deleted = {"_id": {"$in": some_of}, "d": {"$exists": True}}
        gone |= {each["_id"] async for each in reading.find("resource", deleted, {"_id": 1})}
    for owner, its in reached.items():
        for one in its:
            if one in found:
                concerned[owner] |= _patients(one, found[one])
    return {owner for owner, its in reached.items() if not gone.isdisjoint(its)}


async def _open(reading: Reading, caller: _Caller, wanted: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of (resource, Patient) where the Patient's record is open to the caller as far as that resource goes."""
    linked = await _linked(reading, {patient for _, patient in wanted})
    rows = await _relations(reading, caller, {one for its in linked.values() for one in its})
    await caller.learn(reading, (row for its in rows.values() for row in its))
    found = set()
    for owner, patient in wanted:
        effects = {
            row["e"]
            for one in linked[patient]
            for row in rows.get(one, ())
            if (one == patient or row["w"] == PERSON)
            and caller.holds(row, owner)
            and (caller.known[row["a"]] or (row["e"] == DENY and row["a"] == EVERYBODY))
        }
        if FIRM in effects or (effects and DENY not in effects):
            found.add((owner, patient))
    return found


async def _relations(reading: Reading, caller: _Caller, patients: set[str]) -> dict[str, list[Document]]:
    """The relations to these Patients that may concern the caller."""
    named, found = sorted(f"Patient/{one}" for one in patients), dict[str, list[Document]]()
    for start in range(0, len(named), BATCH):
        some_of = named[start : start + BATCH]
        each: Document = {"s": {"$in": some_of}, "w": {"$gt": 0}}
        if caller.listed is not None:
            each["a"] = {"$in": [*sorted(caller.listed), EVERYBODY]}
        wanted = set(some_of)
        async for document in reading.find("entry", {"a": {"$elemMatch": each}}, {"a": 1}):
            for row in document["a"]:
                if row["w"] > 0 and row["s"] in wanted:
                    found.setdefault(row["s"].partition("/")[2], []).append(row)
    return found


async def _linked(reading: Reading, patients: set[str]) -> dict[str, set[str]]:
    """All ids of the person of each Patient."""
    named, made = sorted(patients), dict[str, set[str]]()
    for start in range(0, len(named), BATCH):
        some_of = named[start : start + BATCH]
        own = {
            each["_id"]: each["person"]
            async for each in reading.find("person_record", {"_id": {"$in": some_of}}, {"person": 1})
        }
        person_of = {one: own.get(one) or one for one in some_of}
        where = {"person": {"$in": sorted(set(person_of.values())), "$type": "string"}}
        together: dict[str, set[str]] = {}
        async for each in reading.find("person_record", where, {"person": 1}):
            together.setdefault(each["person"], set()).add(each["_id"])
        for one, person in person_of.items():
            made[one] = {one, person} | together.get(person, set())
    return made
