"""References, URIs and compartments: what a resource points to (R4 sections 3.1.1.4.10, 3.1.1.4.13 and 2.37)."""

from __future__ import annotations

from countyfhir.search import entries as kinds
from countyfhir.search.query import InCompartment, ReferenceIs, ReferenceWithin, UriIs
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.sql import IMPOSSIBLE, Scope, Sql, Term, either, indexed, unfindable


def reference(scope: Scope, predicate: ReferenceIs) -> Term:
    if predicate.url is not None:
        parameter = scope.parameter(predicate.parameter, kinds.URI)
        return IMPOSSIBLE if parameter is None else _equal_uri(scope, parameter, predicate.url)
    parameter = scope.parameter(predicate.parameter, kinds.REFERENCE)
    if parameter is None:
        return IMPOSSIBLE
    if predicate.target_id is None:
        return _reference_to_type(scope, parameter, predicate.target_type)
    targets = _rids(scope, predicate.target_type, predicate.target_id)
    if not targets:
        return IMPOSSIBLE
    if len(targets) == 1:
        return indexed(
            scope, "reference", Sql("parameter_id = ? AND target_rid = ?", (parameter, targets[0])), ordered=True
        )
    listed = ", ".join(map(str, targets))
    return indexed(scope, "reference", Sql(f"parameter_id = ? AND target_rid IN ({listed})", (parameter,)))


def _reference_to_type(scope: Scope, parameter: int, target_type: str | None) -> Term:
    where = Sql("parameter_id = ?", (parameter,))
    if target_type is not None:
        type_id = scope.names.type_id(scope.connection, target_type)
        where = Sql(
            "parameter_id = ? AND (SELECT type_id FROM resource t WHERE t.rid = target_rid) = ?", (parameter, type_id)
        )
    return unfindable(indexed(scope, "reference", where))


_TREE = {
    "below": "SELECT f.rid FROM tree CROSS JOIN reference f ON f.target_rid = tree.rid AND f.parameter_id = ?",
    "above": "SELECT f.target_rid FROM tree CROSS JOIN reference f ON f.rid = tree.rid AND f.parameter_id = ?",
}


def within(scope: Scope, predicate: ReferenceWithin) -> Term:
    """The resource, its parts or its wholes; then who points to one of them."""
    parameter, target = scope.parameter(predicate.parameter, kinds.REFERENCE), scope.of_type(predicate.target_type)
    roots = _rids(scope, predicate.target_type, predicate.target_id)
    if parameter is None or target is None or not roots:
        return IMPOSSIBLE
    by = target.parameter(predicate.by, kinds.REFERENCE)
    step = f" UNION {_TREE[predicate.match]}" if by is not None else ""
    tree = Sql(
        f"WITH RECURSIVE tree(rid) AS (SELECT ?{step}) SELECT rid FROM tree", (roots[0], *([by] if step else []))
    )
    found = Sql(
        f"SELECT k.rid FROM ({tree.text}) t CROSS JOIN reference k ON k.target_rid = t.rid AND k.parameter_id = ?",
        (*tree.bindings, parameter),
    )
    where = Sql(f"parameter_id = ? AND +target_rid IN ({tree.text})", (parameter, *tree.bindings))
    return Term(indexed(scope, "reference", where).probe, (found,))


def _rids(scope: Scope, type_name: str | None, logical_id: str) -> list[int]:
    """Rows of a referenced resource (one that was never written has a row, too); any type when none is named."""
    known = scope.looked.rows.get((type_name, logical_id))
    if known is None:
        known = scope.looked.rows[type_name, logical_id] = _looked_up(scope, type_name, logical_id)
    return known


def _looked_up(scope: Scope, type_name: str | None, logical_id: str) -> list[int]:
    if type_name is None:
        sql = "SELECT r.rid FROM resource_type t CROSS JOIN resource r ON r.type_id = t.type_id AND r.logical_id = ?"
        rows = fetch(scope.connection, sql, (logical_id,))
    else:
        type_id = scope.names.type_id(scope.connection, type_name)
        sql = "SELECT rid FROM resource WHERE type_id = ? AND logical_id = ?"
        rows = fetch(scope.connection, sql, (type_id, logical_id))
    return [int(rid) for (rid,) in rows]


def uri(scope: Scope, predicate: UriIs) -> Term:
    parameter = scope.parameter(predicate.parameter, kinds.URI)
    if parameter is None:
        return IMPOSSIBLE
    if predicate.match == "exact":
        return _equal_uri(scope, parameter, predicate.value)
    if predicate.match == "below":
        return _uri_below(scope, parameter, predicate.value)
    if predicate.match == "versions":
        return _uri_versions(scope, parameter, predicate.value)
    above = tuple(_shallower(predicate.value))
    marks = ", ".join("?" * len(above))
    return indexed(scope, "uri", Sql(f"parameter_id = ? AND value IN ({marks})", (parameter, *above)))


def _equal_uri(scope: Scope, parameter: int, value: str) -> Term:
    return indexed(scope, "uri", Sql("parameter_id = ? AND value = ?", (parameter, value)), ordered=True)


def _uri_below(scope: Scope, parameter: int, value: str) -> Term:
    """The value itself, or deeper: what follows begins with a slash ("0" is the character after it)."""
    stem = value.rstrip("/")
    where = Sql("parameter_id = ? AND value >= ? AND value < ?", (parameter, stem + "/", stem + "0"))
    deeper = indexed(scope, "uri", where)
    return either([_equal_uri(scope, parameter, value), deeper])


def _uri_versions(scope: Scope, parameter: int, value: str) -> Term:
    """The canonical with that version, or one that goes on with a dot ("/" is the character after it); with any
    version where none is named ("}" is the character after the bar)."""
    between = "parameter_id = ? AND value >= ? AND value < ?"
    if value.endswith("|"):
        return indexed(scope, "uri", Sql(between, (parameter, value, value[:-1] + "}")))
    longer = indexed(scope, "uri", Sql(between, (parameter, value + ".", value + "/")))
    return either([_equal_uri(scope, parameter, value), longer])


def _shallower(value: str) -> list[str]:
    """The value and every URL above it, with a final slash and without, down to the authority."""
    scheme, separator, rest = value.partition("://")
    segments = rest.split("/") if separator else value.split("/")
    prefix = scheme + separator if separator else ""
    above = [prefix + "/".join(segments[:length]) for length in range(len(segments) - 1, 0, -1)]
    return [value, *above, *(f"{url}/" for url in above)]


def in_compartment(scope: Scope, predicate: InCompartment) -> Term:
    owners = _rids(scope, predicate.compartment_type, predicate.logical_id)
    terms = (
        [indexed(scope, "resource", Sql("rid = ?", (owners[0],)))]
        if owners and scope.type_name == predicate.compartment_type
        else []
    )
    terms = [Term(term.probe, term.finds, exact=False) for term in terms]
    for name in predicate.parameters:
        parameter = scope.parameter(name, kinds.REFERENCE)
        if owners and parameter is not None:
            where = Sql("parameter_id = ? AND target_rid = ?", (parameter, owners[0]))
            terms.append(indexed(scope, "reference", where, ordered=True))
    return either(terms)
