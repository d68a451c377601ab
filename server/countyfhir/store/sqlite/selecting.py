"""From clauses to one select: the most selective clause leads, the others are probed (DESIGN decision 6)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from countyfhir.exchange import Grant
from countyfhir.search import entries as kinds
from countyfhir.search.contained import alternatives, numbers
from countyfhir.search.query import AllOf, Chain, Clause, Contained, Has, Not, Predicate
from countyfhir.store.sqlite import leading
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.pointing import ways
from countyfhir.store.sqlite.predicates import SIMPLE
from countyfhir.store.sqlite.sql import CERTAIN, IMPOSSIBLE, Scope, Sql, Term, all_of, any_of, either, joined, negated

DENSE = 0.25
"""Where so many of the latest resources match, the first of them are met on a walk before all are read."""


@dataclass(frozen=True, slots=True)
class Selection:
    """How the matches of one type are found: ``source`` is what stands after FROM and has the alias ``alias``.

    ``where`` holds what is left to probe. ``few``: fewer rows come from the source than a walk would meet. ``once``: no
    row comes twice. ``arms``: sources, each in the order of ``rid`` for free, that together are the source. ``rows``:
    about so many come from it, 0 for a walk; ``apart``: so many resources a walk in some other order would probably
    probe for each match. ``others``: the terms that do not lead.
    """

    source: Sql
    where: Sql
    alias: str
    few: bool
    once: bool = False
    arms: tuple[Sql, ...] = ()
    rows: int = 0
    apart: float = math.inf
    others: tuple[Term, ...] = ()


def terms_of(scope: Scope, clauses: Iterable[Clause]) -> list[Term]:
    """One term a clause, without those that hold of everything."""
    terms = (either([term_of(scope, predicate) for predicate in clause]) for clause in clauses)
    return [term for term in terms if term is not CERTAIN]


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
    if [] in conjunctions:
        return []
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
    direct = [term for term in terms if term.finds is not None and not term.scans]
    if by_rid and len(direct) == 1 and direct[0].walks:
        return _walk(scope, terms, direct[0])
    choices = [term.finds or () for term in direct]
    least = leading.least(scope, choices) or leading.least_of_many(scope, choices)
    if least is not None:
        return _led(scope, terms, direct[least.place], least)
    if not direct:
        scanned = [term for term in terms if term.finds is not None]
        if len(scanned) != 1 or (by_rid and leading.part(scope, terms) >= DENSE):
            return _walk(scope, terms, None)
        return _led(scope, terms, scanned[0], None)
    in_order = _in_order(scope, direct)
    return _led(scope, terms, direct[0], None) if whole and in_order is None else _walk(scope, terms, in_order)


def walk_instead(scope: Scope, terms: Sequence[Term]) -> Selection:
    """The matches by ``rid``, met on a walk that probes all that the type has, or one clause finds."""
    return _walk(scope, terms, _in_order(scope, terms))


def _in_order(scope: Scope, terms: Sequence[Term]) -> Term | None:
    """Of the terms that can be walked by ``rid``, the one that finds least as far as that can be told."""
    walkable = [term for term in terms if term.walks]
    return (
        min(walkable, key=lambda term: leading.reckoned(scope, term))
        if len(walkable) > 1
        else next(iter(walkable), None)
    )


def _walk(scope: Scope, terms: Sequence[Term], lead: Term | None) -> Selection:
    """In the order of ``rid``: what a term finds, or the type."""
    if lead is not None:
        alias, where = _probed(scope, terms, lead)
        arms = tuple(_source((walk,), alias) for walk in lead.walks)
        return Selection(_source(lead.walks, alias), where, alias, False, lead.once or len(arms) > 1, arms)
    alias = scope.alias()
    own = Sql(f"{alias}.type_id = {scope.type_id} AND {alias}.deleted = 0")
    where = all_of([own, *(term.probe(f"{alias}.rid") for term in terms)])
    source = Sql(f"resource {alias} INDEXED BY resource_of_type")
    return Selection(source, where, alias, False, True, (source,))


def _led(scope: Scope, terms: Sequence[Term], lead: Term, least: leading.Least | None) -> Selection:
    """What one term finds, the others probed."""
    alias, where = _probed(scope, terms, lead)
    finds = lead.finds or ()
    arms = tuple(_source((walk,), alias) for walk in lead.walks) if lead.walks == lead.finds else ()
    selection = Selection(_source(finds, alias), where, alias, False, lead.once or len(finds) > 1, arms)
    if least is None:
        return selection
    others = tuple(term for term in terms if term is not lead)
    apart = leading.apart(scope, others, least.rows) if least.below > leading.STEPS[0] else math.inf
    few = least.below <= leading.few(scope)
    return replace(selection, few=few, rows=max(1, least.rows), apart=apart, others=others)


def _probed(scope: Scope, terms: Sequence[Term], lead: Term) -> tuple[str, Sql]:
    """The alias of what a term finds, and what is left to probe."""
    alias = scope.alias()
    rid = f"{alias}.rid"
    probes = [term.probe(rid) for term in terms if term is not lead or not term.exact]
    return alias, all_of(probes if lead.exact else [scope.current(rid), *probes])


def _source(finds: tuple[Sql, ...], alias: str) -> Sql:
    text, bindings = joined(" UNION ", finds)
    return Sql(f"({text}) {alias}", bindings)


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
    if not terms:
        return CERTAIN
    if any(term.finds == () for term in terms):
        return IMPOSSIBLE
    direct = [term for term in terms if term.finds is not None and not term.scans]
    least = leading.least(scope, [term.finds or () for term in direct])
    lead = direct[least.place] if least else next((term for term in terms if term.finds is not None), None)
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
