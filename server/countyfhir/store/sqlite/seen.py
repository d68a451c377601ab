"""What an institution may see: its own, and what concerns residents it has a relation to (docs/access.md).

A resource concerns the Patients that it points to; a Patient concerns itself. Who is linked as one person is looked up
in the index of persons, so that a relation to one record holds for all.
"""

from __future__ import annotations

from dataclasses import dataclass

from countyfhir.search import entries as kinds
from countyfhir.search.query import OwnBy, SeenBy
from countyfhir.search.relations import ACTORS, DENY, FIRM, PERSON
from countyfhir.store import instant
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.sql import NEVER, Scope, Sql, Term, unfindable

PATIENT = "Patient"
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
    """The institutions as numbers, the instant, and what is asked about. ``refusals``: whether there is any."""

    organizations: str
    acting: str
    now: int
    scope: Scope
    patients: int | None
    refusals: bool

    def acts(self, alias: str) -> str:
        """Whether the actor of a row is one of the institutions, or belongs to one."""
        if not self.organizations:
            return "0"
        direct = f"{alias}.actor_rid IN ({self.organizations})"
        if not self.acting:
            return direct
        through = (
            f"SELECT 1 FROM reference a WHERE a.rid = {alias}.actor_rid AND a.parameter_id IN ({self.acting})"
            f" AND a.target_rid IN ({self.organizations})"
        )
        return f"({direct} OR ({alias}.indirect = 1 AND EXISTS ({through})))"

    def holds(self, alias: str, rid: str, effects: str) -> str:
        """Whether a row is in force, about the resource ``rid``, and for the caller."""
        everybody = f"{alias}.actor_rid = 0 OR " if effects == f"= {DENY}" else ""
        return (
            f"{alias}.effect {effects} AND {alias}.low <= {self.now} AND {alias}.high > {self.now}"
            f" AND ({alias}.types = '' OR instr({alias}.types, '|{self.scope.type_name}|'))"
            f" AND ({alias}.instance_rid = 0 OR {alias}.instance_rid = {rid}) AND ({everybody}{self.acts(alias)})"
        )

    def related(self, patient: str, rid: str, effects: str) -> str:
        """Whether a relation to the Patient, or to another record of the person, has one of these effects."""
        r = self.scope.alias()
        held = self.holds(r, rid, effects)
        ways = [f"EXISTS (SELECT 1 FROM relation {r} WHERE {r}.subject_rid = {patient} AND {r}.reach > 0 AND {held})"]
        for way in (GOLDEN, MEMBERS):
            joined = f"{way.format(kind=self.patients)} CROSS JOIN relation {r} ON {r}.subject_rid = o.rid"
            ways.append(
                f"EXISTS (SELECT 1 FROM {joined} WHERE n.rid = {patient} AND {r}.reach > 0 AND {r}.reach = {PERSON}"
                f" AND {held})"
            )
        return f"({' OR '.join(ways)})"

    def sees(self, patient: str, rid: str) -> str:
        """Whether the record of the Patient is open to the caller, as far as the resource ``rid`` is concerned."""
        permitted = self.related(patient, rid, f"< {DENY}")
        if not self.refusals:
            return permitted
        refused = self.related(patient, rid, f"= {DENY}")
        return f"({self.related(patient, rid, f'= {FIRM}')} OR ({permitted} AND NOT {refused}))"

    def own(self, rid: str) -> str:
        """Whether the resource is the caller's own."""
        r = self.scope.alias()
        return f"EXISTS (SELECT 1 FROM relation {r} WHERE {r}.rid = {rid} AND {r}.reach = 0 AND {self.acts(r)})"

    def concerned(self, rid: str) -> str:
        """The Patients that a resource points to, as ``c.rid``."""
        return (
            "(SELECT DISTINCT f.target_rid AS rid FROM reference f CROSS JOIN resource t"
            f" ON t.rid = f.target_rid AND t.type_id = {self.patients} WHERE f.rid = {rid}) c"
        )


def seen_by(scope: Scope, predicate: SeenBy) -> Term:
    caller = _caller(scope, predicate.organizations)

    def probe(rid: str) -> Sql:
        return Sql(f"({caller.own(rid)} OR {_open(caller, predicate, rid)})")

    if scope.type_name != PATIENT and not predicate.attached:
        return Term(probe)
    return Term(probe, tuple(_found(caller)), exact=False)


def own_by(scope: Scope, predicate: OwnBy) -> Term:
    caller = _caller(scope, predicate.organizations)
    return unfindable(Term(lambda rid: Sql(caller.own(rid)) if caller.organizations else NEVER))


def _caller(scope: Scope, organizations: tuple[str, ...]) -> _Caller:
    kind = scope.names.type_id(scope.connection, "Organization")
    sql = "SELECT rid FROM resource WHERE type_id = ? AND logical_id = ?"
    rows = [row for one in organizations for row in fetch(scope.connection, sql, (kind, one))]
    acting = []
    for name in sorted(ACTORS - {"Organization"}):
        among = scope.of_type(name)
        number = among.parameter("organization", kinds.REFERENCE) if among else None
        acting += [str(number)] if number is not None else []
    return _Caller(
        ", ".join(str(rid) for (rid,) in rows),
        ", ".join(acting),
        instant.now(),
        scope,
        scope.names.type_id(scope.connection, PATIENT),
        bool(fetch(scope.connection, f"SELECT 1 FROM relation WHERE effect = {DENY} LIMIT 1")),
    )


def _open(caller: _Caller, predicate: SeenBy, rid: str) -> str:
    """Whether all Patients that are concerned are open to the caller."""
    if caller.scope.type_name == PATIENT:
        return caller.sees(rid, rid)
    if caller.patients is None:
        return "0" if predicate.attached else "1"
    seen = f"NOT EXISTS (SELECT 1 FROM {caller.concerned(rid)} WHERE NOT {caller.sees('c.rid', rid)})"
    if predicate.through:
        further = f"NOT EXISTS (SELECT 1 FROM {caller.concerned('g.target_rid')} WHERE NOT {caller.sees('c.rid', rid)})"
        reached = (
            "SELECT 1 FROM reference g CROSS JOIN resource u ON u.rid = g.target_rid"
            f" WHERE g.rid = {rid} AND u.type_id <> {caller.patients}"
            f" AND (u.deleted = 1 AND u.version_id > 0 OR NOT {further})"
        )
        return f"({seen} AND NOT EXISTS ({reached}))"
    if predicate.attached:
        return f"(EXISTS (SELECT 1 FROM {caller.concerned(rid)}) AND {seen})"
    return seen


def _found(caller: _Caller) -> list[Sql]:
    """The caller's own, and what concerns Patients it is related to: to be probed as well."""
    if not caller.organizations:
        return []
    actors = [f"SELECT value AS rid FROM json_each('[{caller.organizations}]')"]
    if caller.acting:
        actors.append(
            f"SELECT a.rid FROM reference a WHERE a.target_rid IN ({caller.organizations})"
            f" AND a.parameter_id IN ({caller.acting})"
        )
    found = []
    for actor in actors:
        by = f"({actor}) w CROSS JOIN relation r ON r.actor_rid = w.rid"
        found.append(Sql(f"SELECT r.rid AS rid FROM {by} AND r.reach = 0"))
        patients = [
            f"SELECT r.subject_rid AS rid FROM {by} AND r.reach > 0",
            *(
                f"SELECT o.rid AS rid FROM {by} AND r.reach = {PERSON} CROSS JOIN {way.format(kind=caller.patients)}"
                " WHERE n.rid = r.subject_rid"
                for way in (GOLDEN, MEMBERS)
            ),
        ]
        if caller.scope.type_name == PATIENT:
            found += [Sql(each) for each in patients]
        else:
            found += [
                Sql(f"SELECT f.rid AS rid FROM ({each}) p CROSS JOIN reference f ON f.target_rid = p.rid")
                for each in patients
            ]
    return found
