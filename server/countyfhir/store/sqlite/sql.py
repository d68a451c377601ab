"""Pieces of SQL with their bindings, and the terms that search predicates become."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import apsw

from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.names import NEWEST, Names


class Sql(NamedTuple):
    """A piece of SQL and the values of its question marks, in order."""

    text: str
    bindings: tuple[Any, ...] = ()


NEVER = Sql("0")
ALWAYS = Sql("1")


def joined(word: str, pieces: Iterable[Sql]) -> Sql:
    """Pieces joined by AND, OR or UNION ALL."""
    listed = list(pieces)
    return Sql(word.join(piece.text for piece in listed), tuple(value for piece in listed for value in piece.bindings))


def all_of(pieces: Iterable[Sql]) -> Sql:
    """A conjunction; true when there is nothing to hold."""
    listed = [piece for piece in pieces if piece != ALWAYS]
    return joined(" AND ", listed) if listed else ALWAYS


def any_of(pieces: Iterable[Sql]) -> Sql:
    """A disjunction in brackets; false when there is no alternative."""
    listed = [piece for piece in pieces if piece != NEVER]
    if not listed:
        return NEVER
    if ALWAYS in listed:
        return ALWAYS
    text, bindings = joined(" OR ", listed)
    return Sql(f"({text})", bindings)


MERGED = 8
"""So many selects that are each in order are merged, rather than read whole and sorted."""

Probe = Callable[[str], Sql]
"""Whether the term holds for the resource whose ``rid`` is the given SQL expression."""


@dataclass(frozen=True, slots=True)
class Term:
    """A search clause as SQL, two ways.

    ``probe`` asks one resource; ``finds`` are selects of ``rid`` (may repeat) whose union is every resource for
    which the
    term holds, None when there is no index to find them by; ``once``: there is one, and it yields each once.
    ``walks``: selects of the same, each of which yields ``rid`` in order for free; () where no index does.
    ``exact`` False: what is found must be probed as well. ``scans``: finding reads a whole parameter.
    """

    probe: Probe
    finds: tuple[Sql, ...] | None = None
    walks: tuple[Sql, ...] = ()
    exact: bool = True
    scans: bool = False
    once: bool = False
    rows: tuple[str, Sql, Sql] | None = None  # of one index table: its name, the condition to find by and to probe by


IMPOSSIBLE = Term(lambda rid: NEVER, ())
CERTAIN = Term(lambda rid: ALWAYS)


@dataclass(slots=True)
class Looked:
    """What was looked up on one snapshot: rows of resources by type (None: any) and id, the newest parameter's number.
    ``committed``: all that is seen on it is, so that what is absent may be remembered."""

    rows: dict[tuple[str | None, str], list[int]] = field(default_factory=dict)
    newest: int | None = None
    committed: bool = True


@dataclass(slots=True)
class Scope:
    """One resource type on one snapshot: where names become numbers. ``looked`` holds what was looked up before."""

    connection: apsw.Connection
    names: Names
    type_name: str
    type_id: int
    aliases: itertools.count[int] = field(default_factory=itertools.count)
    looked: Looked = field(default_factory=Looked)

    def alias(self) -> str:
        """A table alias not used yet in this statement."""
        return f"x{next(self.aliases)}"

    def parameter(self, name: str, kind: int) -> int | None:
        """The number of a parameter of this type, None when it has no entries of the kind."""
        key = (self.type_id, name, kind)
        known = self.names.parameters.get(key)
        if known is not None:
            return known
        if not self.looked.committed:
            return self.names.parameter_id(self.connection, *key)
        if self.looked.newest is None:
            self.looked.newest = int(fetch(self.connection, NEWEST)[0][0])
        return self.names.parameter_among(self.connection, key, self.looked.newest)

    def of_type(self, type_name: str) -> Scope | None:
        """The same statement for another resource type; None when no resource ever was of it."""
        type_id = self.names.type_id(self.connection, type_name)
        if type_id is None:
            return None
        return Scope(self.connection, self.names, type_name, type_id, self.aliases, self.looked)

    def current(self, rid: str) -> Sql:
        """Whether ``rid`` is a current, undeleted resource of this type."""
        return Sql(f"EXISTS (SELECT 1 FROM resource WHERE rid = {rid} AND type_id = {self.type_id} AND deleted = 0)")


def indexed(scope: Scope, table: str, where: Sql, *, ordered: bool = False, scans: bool = False) -> Term:
    """A term over rows of one index table; ``where`` names its columns without an alias."""

    def probe(rid: str) -> Sql:
        return Sql(f"EXISTS (SELECT 1 FROM {table} WHERE rid = {rid} AND {where.text})", where.bindings)

    found = Sql(f"SELECT rid FROM {table} WHERE {where.text}", where.bindings)
    walks = (found,) if ordered else ()
    return Term(probe, (found,), walks, scans=scans, once=ordered, rows=(table, where, where))


def unfindable(term: Term) -> Term:
    """The same term without an index to find its resources by: it is only ever probed."""
    return Term(term.probe, rows=term.rows)


def either(terms: list[Term]) -> Term:
    """A disjunction: found by the union of what each finds, if each can be found."""
    terms = [term for term in terms if term is not IMPOSSIBLE]
    if not terms:
        return IMPOSSIBLE
    if len(terms) == 1:
        return terms[0]
    if any(term is CERTAIN for term in terms):
        return CERTAIN
    findable = all(term.finds is not None for term in terms)
    finds = tuple(find for term in terms for find in term.finds or ()) if findable else None
    exact, scans = all(term.exact for term in terms), any(term.scans for term in terms)
    walks = tuple(walk for term in terms for walk in term.walks) if all(term.walks for term in terms) else ()
    if len(walks) > MERGED:
        walks = ()
    return Term(lambda rid: any_of([term.probe(rid) for term in terms]), finds, walks, exact, scans)


def negated(term: Term) -> Term:
    """Resources for which the term does not hold; there is no list of them."""
    if term is IMPOSSIBLE:
        return CERTAIN

    def probe(rid: str) -> Sql:
        text, bindings = term.probe(rid)
        return Sql(f"NOT {text}", bindings)

    return Term(probe)
