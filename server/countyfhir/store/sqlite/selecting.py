"""From clauses to one select: the most selective clause leads, the others are probed (DESIGN decision 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from countyfhir.exchange import Grant
from countyfhir.search import entries as kinds
from countyfhir.search.query import AllOf, Chain, Clause, Has, Not, Predicate
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.predicates import SIMPLE
from countyfhir.store.sqlite.sql import IMPOSSIBLE, Scope, Sql, Term, all_of, any_of, either, negated

SELECTIVE = 2_000
"""A clause that finds fewer leads the search; what all clauses find more of is walked in the order asked for."""


@dataclass(frozen=True, slots=True)
class Selection:
    """How the matches of one type are found: ``source`` is what stands after FROM and has the alias ``alias``.

    ``where`` holds what is left to probe. ``few``: fewer than ``SELECTIVE`` rows come from the source. ``ordered``:
    rows
    come by ``rid`` for free.
    """

    source: Sql
    where: Sql
    alias: str
    few: bool
    ordered: bool


def terms_of(scope: Scope, clauses: Iterable[Clause]) -> list[Term]:
    """One term a clause."""
    return [either([term_of(scope, predicate) for predicate in clause]) for clause in clauses]


def term_of(scope: Scope, predicate: Predicate) -> Term:
    """The term of any predicate."""
    compile_predicate = _LEADING_ELSEWHERE.get(type(predicate)) or SIMPLE[type(predicate)]
    return compile_predicate(scope, predicate)


def granted(scope: Scope, grant: Grant) -> list[Term] | None:
    """What narrows the type for the caller, as further clauses; None when nothing of the type may be seen."""
    if not (grant.may("r", scope.type_name) or grant.may("s", scope.type_name)):
        return None
    alternatives = grant.narrowed(scope.type_name)
    if alternatives is None:
        return []
    if len(alternatives) == 1:
        return terms_of(scope, alternatives[0])
    conjunctions = [terms_of(scope, clauses) for clauses in alternatives]
    return [_one_of(conjunctions)] if conjunctions else None


def _one_of(conjunctions: list[list[Term]]) -> Term:
    """Alternatives of several clauses each: found by the first findable clause of each, and then probed."""
    leads = [
        next((term for term in terms if term.finds is not None and not term.scans), None) for terms in conjunctions
    ]
    finds = None if None in leads else tuple(find for lead in leads if lead for find in lead.finds or ())
    return Term(
        lambda rid: any_of(_bracketed(all_of(term.probe(rid) for term in terms)) for terms in conjunctions),
        finds,
        exact=False,
    )


def _bracketed(piece: Sql) -> Sql:
    return Sql(f"({piece.text})", piece.bindings)


def select(scope: Scope, terms: Sequence[Term]) -> Selection | None:
    """The plan of a conjunction; None when it cannot hold."""
    if any(term.finds == () for term in terms):
        return None
    lead, size = _lead(scope, terms)
    alias = scope.alias()
    rid = f"{alias}.rid"
    probed = [term for term in terms if term is not lead or not term.exact]
    where = all_of(term.probe(rid) for term in probed)
    if lead is None or lead.finds is None:
        walked = Sql(f"resource {alias} INDEXED BY resource_of_type")
        own = Sql(f"{alias}.type_id = {scope.type_id} AND {alias}.deleted = 0")
        return Selection(walked, all_of([own, where]), alias, few=False, ordered=True)
    if not lead.exact:
        where = all_of([scope.current(rid), where])
    return Selection(_source(lead.finds, alias, lead.ordered), where, alias, few=size < SELECTIVE, ordered=lead.ordered)


def _source(finds: tuple[Sql, ...], alias: str, ordered: bool) -> Sql:
    bindings = tuple(value for find in finds for value in find.bindings)
    if ordered and len(finds) == 1:
        return Sql(f"({finds[0].text}) {alias}", bindings)
    return Sql(f"({' UNION '.join(find.text for find in finds)}) {alias}", bindings)


def _lead(scope: Scope, terms: Sequence[Term]) -> tuple[Term | None, int]:
    """The term to lead and how many rows it finds (``SELECTIVE`` stands for that many or more)."""
    findable = [term for term in terms if term.finds is not None]
    if len(findable) == 1 and findable[0].scans:
        return findable[0], SELECTIVE
    counted = [(_count(scope, term), place) for place, term in enumerate(findable) if not term.scans]
    size, place = min(counted, default=(SELECTIVE, -1))
    if size < SELECTIVE:
        return findable[place], size
    return next((term for term in findable if term.ordered), None), SELECTIVE


def _count(scope: Scope, term: Term) -> int:
    """Rows the term finds, counted no further than ``SELECTIVE``."""
    found = 0
    for find in term.finds or ():
        sql = f"SELECT count(*) FROM (SELECT 1 FROM ({find.text}) LIMIT {SELECTIVE})"
        found += fetch(scope.connection, sql, find.bindings)[0][0]
        if found >= SELECTIVE:
            return SELECTIVE
    return found


def rids(selection: Selection) -> Sql:
    """Every match's ``rid``, in no order (a match may come twice)."""
    source, where = selection.source, selection.where
    text = f"SELECT {selection.alias}.rid AS rid FROM {source.text} WHERE {where.text}"
    return Sql(text, source.bindings + where.bindings)


def _chain(scope: Scope, predicate: Chain) -> Term:
    """Led by the targets: those for which the clauses hold, then who points to them."""
    parameter, target = scope.parameter(predicate.parameter, kinds.REFERENCE), scope.of_type(predicate.target_type)
    if parameter is None or target is None:
        return IMPOSSIBLE
    terms = terms_of(target, predicate.where)
    selection = select(target, terms)
    if selection is None:
        return IMPOSSIBLE
    name = scope.alias()
    inner = rids(selection)
    found = Sql(
        f"SELECT {name}.rid FROM ({inner.text}) t CROSS JOIN reference {name}"
        f" ON {name}.parameter_id = {parameter} AND {name}.target_rid = t.rid",
        inner.bindings,
    )
    holds = all_of([target.current(f"{name}.target_rid"), *(term.probe(f"{name}.target_rid") for term in terms)])

    def probe(rid: str) -> Sql:
        rows = f"SELECT 1 FROM reference {name} WHERE {name}.rid = {rid} AND {name}.parameter_id = {parameter}"
        return Sql(f"EXISTS ({rows} AND {holds.text})", holds.bindings)

    return Term(probe, (found,), scans=not selection.few)


def _has(scope: Scope, predicate: Has) -> Term:
    """Led by the sources: those for which the clauses hold, then what they point to."""
    source = scope.of_type(predicate.source_type)
    parameter = source.parameter(predicate.parameter, kinds.REFERENCE) if source else None
    if source is None or parameter is None:
        return IMPOSSIBLE
    terms = terms_of(source, predicate.where)
    selection = select(source, terms)
    if selection is None:
        return IMPOSSIBLE
    name = scope.alias()
    inner = rids(selection)
    found = Sql(
        f"SELECT {name}.target_rid AS rid FROM ({inner.text}) s CROSS JOIN reference {name}"
        f" ON {name}.rid = s.rid AND {name}.parameter_id = {parameter}",
        inner.bindings,
    )
    holds = all_of(term.probe(f"{name}.rid") for term in terms)

    def probe(rid: str) -> Sql:
        rows = f"SELECT 1 FROM reference {name} WHERE {name}.parameter_id = {parameter} AND {name}.target_rid = {rid}"
        return Sql(f"EXISTS ({rows} AND {holds.text})", holds.bindings)

    return Term(probe, (found,), exact=False, scans=not selection.few)


def _not(scope: Scope, predicate: Not) -> Term:
    return negated(either([term_of(scope, inner) for inner in predicate.clause]))


def _all_of(scope: Scope, predicate: AllOf) -> Term:
    """Found by its most selective clause; the others are probed."""
    terms = terms_of(scope, predicate.clauses)
    if any(term.finds == () for term in terms):
        return IMPOSSIBLE
    lead, _ = _lead(scope, terms)
    lead = lead or next((term for term in terms if term.finds is not None), None)
    return Term(
        lambda rid: _bracketed(all_of(term.probe(rid) for term in terms)),
        lead.finds if lead else None,
        exact=False,
        scans=lead is not None and lead.scans,
    )


_LEADING_ELSEWHERE: dict[type[Any], Callable[[Scope, Any], Term]] = {
    AllOf: _all_of,
    Chain: _chain,
    Has: _has,
    Not: _not,
}
