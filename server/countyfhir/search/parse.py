"""Search text to a Query, strictly: what is not understood is refused, never ignored in silence (R4 section 3.1.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from countyfhir.outcome import FhirError, Issue
from countyfhir.search import result_parameters
from countyfhir.search.conditions import Place, condition, in_compartment
from countyfhir.search.context import Context
from countyfhir.search.cursor import query_digest
from countyfhir.search.query import AllOf, Clause, Contained, OfType, Query
from countyfhir.search.refusals import Unsupported, shown
from countyfhir.search.result_parameters import FORMATS, Shape, finish, is_result_parameter

Pairs = Iterable[tuple[str, str]]

MOST_PARAMETERS = 200


@dataclass(frozen=True, slots=True)
class Parsed:
    """A search as it was understood.

    ``applied`` are the parameters that had an effect, as they had it: the self link shows them. ``issues`` are
    warnings about what lenient handling passed over. ``digest`` binds page cursors to this search; ``cursor`` is the
    text of ``_cursor``, to be decoded with it. ``pretty`` and ``format`` are None when not said. ``within`` tells, of a
    search for contained resources that answers them and not their containers, how: ``true`` or ``both``.
    """

    query: Query
    summary: str = "false"
    elements: tuple[str, ...] = ()
    pretty: bool | None = None
    format: str | None = None
    cursor: str | None = None
    issues: tuple[Issue, ...] = ()
    applied: tuple[tuple[str, str], ...] = ()
    digest: str = ""
    within: str | None = None


def search(
    resource_type: str | None,
    pairs: Pairs,
    context: Context,
    *,
    lenient: bool = False,
    compartment: tuple[str, str] | None = None,
) -> Parsed:
    """The search on a type, on the whole server (None), or inside a compartment (with None: on all its types).

    FhirError 400 for unknown parameters and modifiers (with what is supported), malformed values and repeated result
    parameters. ``lenient`` turns the first of these into warnings; a malformed value stays an error, as leaving it
    out would widen the search.
    """
    sent = list(pairs)
    if len(sent) > MOST_PARAMETERS:
        raise FhirError("too-costly", f"More than {MOST_PARAMETERS} search parameters.", status=400)
    issues: list[Issue] = []
    types, sent = _types(resource_type, sent, context, compartment)
    place = Place(types, context, wide=resource_type is None, contained=_leads_inside(sent))
    shape = Shape(min(context.default_count, context.max_count), context.max_count)
    where: list[Clause] = []
    applied: list[tuple[str, str]] = []
    for name, text in sent:
        try:
            applied.append((name, _take(name, text, place, shape, where)))
        except Unsupported as refusal:
            if not lenient:
                raise
            issues.append(_passed_over(refusal))
    finish(shape)
    if shape.contained != "false":
        types, where = context.parameters.endpoint_types, [_contained(types[0], tuple(where), shape.contained)]
    if compartment:
        where.insert(0, in_compartment(context, compartment))
    return _parsed(types, tuple(where), shape, tuple(applied), tuple(issues), compartment)


def _leads_inside(sent: list[tuple[str, str]]) -> bool:
    """Whether chains go on in contained resources, too: where these are asked for (R4 section 3.1.1.5.5)."""
    return any(name == "_contained" and text in ("true", "both") for name, text in sent)


def _contained(resource_type: str, where: tuple[Clause, ...], mode: str) -> Clause:
    """Resources that contain one of the type which fulfils the conditions; with ``both``, also those of the type that
    fulfil them."""
    inside = Contained(resource_type, where)
    if mode == "true":
        return (inside,)
    return (AllOf(((OfType(resource_type),), *where)), inside)


def criteria(resource_type: str, pairs: Pairs, context: Context) -> Query:
    """The query of a conditional interaction: always strict; 412 when no criterion is left, 400 for result parameters.

    ``_format`` and ``_pretty`` belong to the request, not to its criteria, and are passed over.
    """
    place = Place(_known((resource_type,), context), context)
    where: list[Clause] = []
    for name, text in pairs:
        if name in FORMATS:
            continue
        if is_result_parameter(name):
            raise FhirError("invalid", f"{shown(name)} has no place in the criteria of a conditional interaction.")
        where.append(condition(place, name, text))
    if not where:
        raise FhirError("required", "The criteria are empty and would select everything; nothing was done.", status=412)
    return Query((resource_type,), tuple(where), count=2)


def cut(name: str) -> Issue:
    """The warning that the resources included by ``name`` were more than the server includes."""
    return Issue(
        "too-costly", f"{name}: not everything was included, as there is a limit; search for the rest.", (), "warning"
    )


def _take(name: str, text: str, place: Place, shape: Shape, where: list[Clause]) -> str:
    """Apply one parameter; the value as it was applied."""
    if name == "_type" and place.wide:
        return text
    if is_result_parameter(name):
        return result_parameters.read(shape, place, name, text)
    where.append(condition(place, name, text))
    return text


def _passed_over(refusal: Unsupported) -> Issue:
    return Issue("not-supported", f"Ignored: {refusal.issues[0].diagnostics}", (), "warning")


def _types(
    resource_type: str | None, sent: list[tuple[str, str]], context: Context, compartment: tuple[str, str] | None
) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """The types that are searched; ``_type`` has a say only where no type is in the path and stays in the self link."""
    if resource_type is not None:
        return _known((resource_type,), context), sent
    everything = context.parameters.endpoint_types
    if compartment and compartment[0] in context.parameters.definitions.compartments:
        everything = context.indexer().compartments.types_in(compartment[0])
    asked = [text for name, text in sent if name == "_type"]
    if not asked:
        return everything, sent
    chosen = [frozenset(_known(tuple(text.split(",")), context)) for text in asked]
    kept = tuple(each for each in everything if all(each in one for one in chosen))
    if not kept:
        raise FhirError("invalid", "_type leaves no resource type to search.")
    return kept, sent


def _known(names: tuple[str, ...], context: Context) -> tuple[str, ...]:
    unknown = [name for name in names if name not in context.parameters.definitions.endpoint_types]
    if unknown:
        raise FhirError("invalid", f"{shown(unknown[0])} is no resource type of FHIR R4 that can be searched.")
    return names


def _parsed(
    types: tuple[str, ...],
    where: tuple[Clause, ...],
    shape: Shape,
    applied: tuple[tuple[str, str], ...],
    issues: tuple[Issue, ...],
    compartment: tuple[str, str] | None,
) -> Parsed:
    query = Query(types, where, tuple(shape.sort), shape.count, shape.total, tuple(dict.fromkeys(shape.includes)))
    bound = [pair for pair in applied if pair[0] not in (*FORMATS, "_cursor")]
    return Parsed(
        query,
        summary=shape.summary,
        elements=tuple(shape.elements),
        pretty=shape.pretty,
        format=shape.format,
        cursor=shape.cursor,
        issues=issues,
        applied=applied,
        digest=query_digest((types, compartment, bound)),
        within=None if shape.containers or shape.contained == "false" else shape.contained,
    )


__all__ = ["Context", "Parsed", "criteria", "cut", "search"]
