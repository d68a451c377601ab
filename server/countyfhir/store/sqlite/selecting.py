"""From clauses to one select: the most selective clause leads, the others are probed (DESIGN decision 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from countyfhir.exchange import Grant
from countyfhir.search import entries as kinds
from countyfhir.search.contained import alternatives, numbers
from countyfhir.search.query import AllOf, Chain, Clause, Contained, Has, Not, Predicate
from countyfhir.store.sqlite import leading
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.pointing import ways
from countyfhir.store.sqlite.predicates import SIMPLE
from countyfhir.store.sqlite.sql import IMPOSSIBLE, Scope, Sql, Term, all_of, any_of, either, joined, negated


@dataclass(frozen=True, slots=True)
class Selection:
    """How the matches of one type are found: ``source`` is what stands after FROM and has the alias ``alias``.

    ``where`` holds what is left to probe. ``few``: fewer rows come from the source than a walk would meet. ``once``: no
    row comes twice. ``arms``: sources, each in the order of ``rid`` for free, that together are the source.
    """

    source: Sql
    where: Sql
    alias: str
    few: bool
    once: bool = False
    arms: tuple[Sql, ...] = ()


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


def select(scope: Scope, terms: Sequence[Term], *, whole: bool = False, by_rid: bool = False) -> Selection | None:
    """The plan of a conjunction; None when it cannot hold. ``whole``: every match is wanted, not the first ones, so
    that any index is better than a walk through the type. ``by_rid``: the first ones by ``rid`` are wanted, so that a
    single term in that order leads however much it finds."""
    if any(term.finds == () for term in terms):
        return None
    lead, is_few = _lead(scope, terms, whole=whole, by_rid=by_rid)
    alias = scope.alias()
    rid = f"{alias}.rid"
    probed = [term for term in terms if term is not lead or not term.exact]
    where = all_of(term.probe(rid) for term in probed)
    if lead is None or lead.finds is None:
        walked = Sql(f"resource {alias} INDEXED BY resource_of_type")
        own = Sql(f"{alias}.type_id = {scope.type_id} AND {alias}.deleted = 0")
        return Selection(walked, all_of([own, where]), alias, few=False, once=True)
    if not lead.exact:
        where = all_of([scope.current(rid), where])
    once = lead.once or len(lead.finds) > 1
    arms = tuple(_source((find,), alias) for find in lead.finds) if lead.ordered else ()
    return Selection(_source(lead.finds, alias), where, alias, is_few, once, arms)


def _source(finds: tuple[Sql, ...], alias: str) -> Sql:
    text, bindings = joined(" UNION ", finds)
    return Sql(f"({text}) {alias}", bindings)


def _lead(
    scope: Scope, terms: Sequence[Term], *, whole: bool = False, by_rid: bool = False
) -> tuple[Term | None, bool]:
    """The term to lead, None for a walk, and whether it finds few rows."""
    findable = [term for term in terms if term.finds is not None]
    if len(findable) == 1 and findable[0].scans:
        return findable[0], False
    direct = [term for term in findable if not term.scans]
    if by_rid and len(direct) == 1 and direct[0].ordered:
        return direct[0], False
    found = leading.least(scope, [term.finds or () for term in direct])
    if found is not None:
        return direct[found[0]], found[1] <= leading.few(scope)
    in_order = next((term for term in findable if term.ordered), None)
    return in_order or (next(iter(direct), None) if whole else None), False


def rids(selection: Selection) -> Sql:
    """Every match's ``rid``, in no order (a match may come twice)."""
    source, where = selection.source, selection.where
    text = f"SELECT {selection.alias}.rid AS rid FROM {source.text} WHERE {where.text}"
    return Sql(text, source.bindings + where.bindings)


def _chain(scope: Scope, predicate: Chain) -> Term:
    """Led by the targets: those for which the clauses hold, then who points to them."""
    target = scope.of_type(predicate.target_type)
    between = ways(scope, target, predicate.parameter) if target else []
    terms = terms_of(target, predicate.where) if target and between else []
    selection = select(target, terms) if target and between else None
    if target is None or selection is None:
        return IMPOSSIBLE
    found = tuple(_reached(selection, way.back, way.source) for way in between)
    holds = [all_of([target.current(way.target), *_probes(terms, way.target)]) for way in between]

    def probe(rid: str) -> Sql:
        return any_of(_there_is(way.onward, rid, each) for way, each in zip(between, holds, strict=True))

    return Term(probe, found, scans=not selection.few)


def _has(scope: Scope, predicate: Has) -> Term:
    """Led by the sources: those for which the clauses hold, then what they point to."""
    source = scope.of_type(predicate.source_type)
    between = ways(source, scope, predicate.parameter) if source else []
    terms = terms_of(source, predicate.where) if source and between else []
    selection = select(source, terms) if source and between else None
    if selection is None:
        return IMPOSSIBLE
    found = tuple(_reached(selection, way.onward, way.target) for way in between)
    holds = [all_of(_probes(terms, way.source)) for way in between]

    def probe(rid: str) -> Sql:
        return any_of(_there_is(way.back, rid, each) for way, each in zip(between, holds, strict=True))

    return Term(probe, found, exact=False, scans=not selection.few)


def _reached(selection: Selection, way: str, number: str) -> Sql:
    """What a way leads to from each match."""
    inner = rids(selection)
    return Sql(f"SELECT {number} AS rid FROM ({inner.text}) t CROSS JOIN {way.format(rid='t.rid')}", inner.bindings)


def _there_is(way: str, rid: str, holds: Sql) -> Sql:
    """Whether the way leads from ``rid`` to anything for which that holds."""
    return Sql(f"EXISTS (SELECT 1 FROM {way.format(rid=rid)} AND {holds.text})", holds.bindings)


def _probes(terms: Iterable[Term], rid: str) -> list[Sql]:
    return [term.probe(rid) for term in terms]


def _contained(scope: Scope, predicate: Contained) -> Term:
    """Any of the contained resources, each by the names under which its entries stand."""
    sql = "SELECT name FROM parameter WHERE type_id = ? AND kind = ? AND name GLOB '#*'"
    names = [str(name) for (name,) in fetch(scope.connection, sql, (scope.type_id, kinds.TOKEN))]
    among = numbers(predicate.resource_type, names)
    return either([term_of(scope, each) for each in alternatives(predicate, among)])


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
    Contained: _contained,
    Has: _has,
    Not: _not,
}
