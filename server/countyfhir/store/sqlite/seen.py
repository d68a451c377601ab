"""What an institution may see: its own, and what concerns residents it has a relation to (docs/access.md).

A resource concerns the Patients that it points to; a Patient concerns itself. Who is linked as one person is looked up
in the index of persons, so that a relation to one record holds for all.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from functools import lru_cache

from countyfhir.search import entries as kinds
from countyfhir.search.query import OwnBy, SeenBy
from countyfhir.search.relations import ACTORS, DENY, FIRM, PERSON
from countyfhir.store import instant
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.sql import NEVER, Scope, Sql, Term

PATIENT = "Patient"
ACTING = sorted(ACTORS - {"Organization"})
NOW = "@now"
"""Stands for the present instant until the text is whole."""
PERMITTED, REFUSED = f"< {DENY}", f"= {DENY}"
KEPT = 4096  # texts that are remembered
GOLDEN = (
    "resource n CROSS JOIN person_record k ON k.patient = n.logical_id"
    " CROSS JOIN resource o ON o.type_id = {kind} AND o.logical_id = k.person"
)
"""From a record ``n`` to the golden one it belongs to."""
MEMBERS = (
    "resource n CROSS JOIN person_record m"
    " ON m.person = coalesce((SELECT k.person FROM person_record k WHERE k.patient = n.logical_id), n.logical_id)"
    " CROSS JOIN resource o ON o.type_id = {kind} AND o.logical_id = m.patient"
)
"""From a record, golden or not, to all that belong to the same golden one."""


@dataclass(frozen=True, slots=True)
class _Caller:
    """The institutions as numbers, as far as they are there; the parameters by which what belongs to them names them;
    the type that is asked about; the number of the type Patient. ``refusals``: whether there is any."""

    organizations: str
    acting: str
    kind: str
    patients: int | None
    refusals: bool


@dataclass(slots=True)
class _Text:
    """Writes the conditions of a caller; NOW stands for the instant. Its aliases are no others'."""

    caller: _Caller
    count: itertools.count[int] = field(default_factory=itertools.count)

    def acts(self, alias: str) -> str:
        """Whether the actor of a row is one of the institutions, or belongs to one."""
        organizations = self.caller.organizations
        if not organizations:
            return "0"
        direct = f"{alias}.actor_rid IN ({organizations})"
        if not self.caller.acting:
            return direct
        through = (
            f"SELECT 1 FROM reference a WHERE a.rid = {alias}.actor_rid AND a.parameter_id IN ({self.caller.acting})"
            f" AND a.target_rid IN ({organizations})"
        )
        return f"({direct} OR ({alias}.indirect = 1 AND EXISTS ({through})))"

    def holds(self, alias: str, rid: str, effects: str) -> str:
        """Whether a row is in force, about the resource ``rid``, and for the caller."""
        everybody = f"{alias}.actor_rid = 0 OR " if effects == REFUSED else ""
        return (
            f"{alias}.effect {effects} AND {alias}.low <= {NOW} AND {alias}.high > {NOW}"
            f" AND ({alias}.types = '' OR instr({alias}.types, '|{self.caller.kind}|'))"
            f" AND ({alias}.instance_rid = 0 OR {alias}.instance_rid = {rid}) AND ({everybody}{self.acts(alias)})"
        )

    def related(self, patient: str, rid: str, effects: str) -> str:
        """Whether a relation to the Patient, or to another record of the person, has one of these effects."""
        r = f"r{next(self.count)}"
        held = self.holds(r, rid, effects)
        ways = [f"EXISTS (SELECT 1 FROM relation {r} WHERE {r}.subject_rid = {patient} AND {r}.reach > 0 AND {held})"]
        for way in (GOLDEN, MEMBERS):
            joined = f"{way.format(kind=self.caller.patients)} CROSS JOIN relation {r} ON {r}.subject_rid = o.rid"
            ways.append(
                f"EXISTS (SELECT 1 FROM {joined} WHERE n.rid = {patient} AND {r}.reach > 0 AND {r}.reach = {PERSON}"
                f" AND {held})"
            )
        return f"({' OR '.join(ways)})"

    def sees(self, patient: str, rid: str) -> str:
        """Whether the record of the Patient is open to the caller, as far as the resource ``rid`` is concerned."""
        permitted = self.related(patient, rid, PERMITTED)
        if not self.caller.refusals:
            return permitted
        refused = self.related(patient, rid, REFUSED)
        return f"({self.related(patient, rid, f'= {FIRM}')} OR ({permitted} AND NOT {refused}))"

    def own(self, rid: str) -> str:
        """Whether the resource is the caller's own."""
        r = f"r{next(self.count)}"
        return f"EXISTS (SELECT 1 FROM relation {r} WHERE {r}.rid = {rid} AND {r}.reach = 0 AND {self.acts(r)})"

    def concerned(self, rid: str) -> str:
        """The Patients that a resource points to, as ``c.rid``."""
        return (
            "(SELECT DISTINCT f.target_rid AS rid FROM reference f CROSS JOIN resource t"
            f" ON t.rid = f.target_rid AND t.type_id = {self.caller.patients} WHERE f.rid = {rid}) c"
        )

    def open(self, rid: str, attached: bool, through: bool) -> str:
        """Whether all Patients that are concerned are open to the caller."""
        if self.caller.kind == PATIENT:
            return self.sees(rid, rid)
        if self.caller.patients is None:
            return "0" if attached else "1"
        seen = f"NOT EXISTS (SELECT 1 FROM {self.concerned(rid)} WHERE NOT {self.sees('c.rid', rid)})"
        if through:
            return f"({seen} AND NOT EXISTS ({self.hidden_beyond(rid)}))"
        if attached:
            return f"(EXISTS (SELECT 1 FROM {self.concerned(rid)}) AND {seen})"
        return seen

    def hidden_beyond(self, rid: str) -> str:
        """What a resource points to that was deleted or concerns Patients who are not open."""
        closed = f"SELECT 1 FROM {self.concerned('g.target_rid')} WHERE NOT {self.sees('c.rid', rid)}"
        return (
            "SELECT 1 FROM reference g CROSS JOIN resource u ON u.rid = g.target_rid"
            f" WHERE g.rid = {rid} AND u.type_id <> {self.caller.patients}"
            f" AND (u.deleted = 1 AND u.version_id > 0 OR EXISTS ({closed}))"
        )

    def found(self) -> tuple[str, ...]:
        """Selects of the caller's own, and of what concerns Patients it is related to: to be probed as well."""
        organizations, acting = self.caller.organizations, self.caller.acting
        if not organizations:
            return ()
        actors = [f"SELECT value AS rid FROM json_each('[{organizations}]')"]
        if acting:
            actors.append(
                f"SELECT a.rid FROM reference a"
                f" WHERE a.target_rid IN ({organizations}) AND a.parameter_id IN ({acting})"
            )
        return tuple(select for actor in actors for select in self.found_by(actor))

    def found_by(self, actor: str) -> list[str]:
        """The same by the relations of some actors."""
        by = f"({actor}) w CROSS JOIN relation r ON r.actor_rid = w.rid"
        linked = [
            f"SELECT o.rid AS rid FROM {by} AND r.reach = {PERSON} CROSS JOIN {way.format(kind=self.caller.patients)}"
            " WHERE n.rid = r.subject_rid"
            for way in (GOLDEN, MEMBERS)
        ]
        patients = [f"SELECT r.subject_rid AS rid FROM {by} AND r.reach > 0", *linked]
        if self.caller.kind != PATIENT:
            points = "SELECT f.rid AS rid FROM ({}) p CROSS JOIN reference f ON f.target_rid = p.rid"
            patients = [points.format(each) for each in patients]
        return [f"SELECT r.rid AS rid FROM {by} AND r.reach = 0", *patients]


@lru_cache(KEPT)
def _probe(caller: _Caller, attached: bool, through: bool, rid: str) -> tuple[str, int]:
    """The condition on ``rid``, and how often the instant is bound in it."""
    text = _Text(caller)
    whole = f"({text.own(rid)} OR {text.open(rid, attached, through)})"
    return whole.replace(NOW, "?"), whole.count(NOW)


@lru_cache(KEPT)
def _finds(caller: _Caller) -> tuple[Sql, ...]:
    return tuple(Sql(each) for each in _Text(caller).found())


def seen_by(scope: Scope, predicate: SeenBy) -> Term:
    caller, now = _caller(scope, predicate.organizations), instant.now()

    def probe(rid: str) -> Sql:
        text, times = _probe(caller, predicate.attached, predicate.through, rid)
        return Sql(text, (now,) * times)

    if scope.type_name != PATIENT and not predicate.attached:
        return Term(probe)
    return Term(probe, _finds(caller), exact=False)


def own_by(scope: Scope, predicate: OwnBy) -> Term:
    caller = _caller(scope, predicate.organizations)
    return Term(lambda rid: Sql(_Text(caller).own(rid)) if caller.organizations else NEVER)


def _caller(scope: Scope, organizations: tuple[str, ...]) -> _Caller:
    kind = scope.names.type_id(scope.connection, "Organization")
    marks = ", ".join("?" * len(organizations))
    sql = f"SELECT rid FROM resource WHERE type_id = ? AND logical_id IN ({marks}) ORDER BY rid"
    rows = fetch(scope.connection, sql, (kind, *organizations))
    acting = []
    for name in ACTING:
        among = scope.of_type(name)
        number = among.parameter("organization", kinds.REFERENCE) if among else None
        acting += [str(number)] if number is not None else []
    refused = fetch(scope.connection, f"SELECT 1 FROM relation WHERE effect = {DENY} LIMIT 1")
    return _Caller(
        ", ".join(str(rid) for (rid,) in rows),
        ", ".join(acting),
        scope.type_name,
        scope.names.type_id(scope.connection, PATIENT),
        bool(refused),
    )
