"""What a search asks, as typed predicates over index entries; ``parse`` makes it from text, stores execute it (R4
section 3.1.1). Everything here is plain data: values are already normalised, so that a store only compares."""

from __future__ import annotations

from dataclasses import dataclass

FOREVER = 2**62
"""The open end of a period, in microseconds; ``-FOREVER`` the open beginning."""


@dataclass(frozen=True, slots=True)
class TokenIs:
    """Entries of a token parameter. ``system`` None: any, "": none; ``code`` None: any."""

    parameter: str
    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class CodeStarts:
    """Entries of a token parameter whose code begins with ``value``, ASCII letters of either case alike (``value`` in
    small ones); any system."""

    parameter: str
    value: str


@dataclass(frozen=True, slots=True)
class TokenIn:
    """Entries of a token parameter whose system is one of ``systems`` (each with all of its codes), or whose (system,
    code) is one of ``pairs``: what ``:in``, ``:above`` and ``:below`` ask. There may be tens of thousands of pairs."""

    parameter: str
    systems: frozenset[str]
    pairs: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class StringIs:
    """Entries of a string parameter; ``match`` is starts, contains, ends or equals (on ``value`` normalised) or exact
    (original)."""

    parameter: str
    match: str
    value: str


@dataclass(frozen=True, slots=True)
class ReferenceIs:
    """Entries of a reference parameter: a local target (type or None for any, id), or an absolute ``url``."""

    parameter: str
    target_type: str | None
    target_id: str | None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class ReferenceWithin:
    """Entries of a reference parameter that lead to the resource, or (``match`` below) to one that is part of it,
    directly or through others, or (above) to one that it is part of. ``by`` is the reference parameter of
    ``target_type`` that leads from a part to its whole (``Location``: partof). Circles end by themselves."""

    parameter: str
    match: str
    target_type: str
    target_id: str
    by: str


@dataclass(frozen=True, slots=True)
class DateIs:
    """Entries of a date parameter against ``[low, high)`` in microseconds; ``prefix`` eq ne gt lt ge le sa eb, and
    ap with the range already widened: ``ranges.DATE_RULES`` says what each compares. ``ne`` holds for an entry, not
    a resource."""

    parameter: str
    prefix: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class NumberIs:
    """Entries of a number or quantity parameter. ``low``, ``high`` (implicit precision) and ``exact`` are decimal
    keys (``decimal_key.encode``); ``unit`` None for numbers, else the unit key of a quantity ("" any unit)."""

    parameter: str
    prefix: str
    low: bytes
    exact: bytes
    high: bytes
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class UriIs:
    """Entries of a uri parameter; ``match`` is exact, below (``value`` or deeper: what follows begins with a slash),
    above (``value`` or shallower), or versions (a canonical with its ``|version``: that one, or one that goes on with
    a dot)."""

    parameter: str
    match: str
    value: str


@dataclass(frozen=True, slots=True)
class CompositeIs:
    """All ``parts`` hold on entries of one element: the entries share their ``part`` number. The parts' parameter
    names are those of the component entries (``code-value-quantity$1``)."""

    parameter: str
    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class FullText:
    """All ``phrases`` (``full_text.phrase``) occur: in the narrative (``_text``), or in the narrative or the rest
    (``_content``)."""

    parameter: str
    phrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Near:
    """Positions (entries ``<parameter>$latitude`` and ``$longitude``) at most ``metres`` from a point in degrees.
    ``latitudes`` and one of ``longitudes`` bound the decimal keys of whatever is so near; ``near.is_within`` tells."""

    parameter: str
    latitude: float
    longitude: float
    metres: float
    latitudes: tuple[bytes, bytes]
    longitudes: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """Resources with (False) or without (True) any entry of the parameter."""

    parameter: str
    missing: bool


@dataclass(frozen=True, slots=True)
class IdIs:
    """Resources with one of these logical ids."""

    logical_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LastUpdatedIs:
    """The version's instant against ``[low, high)`` microseconds, with a date prefix."""

    prefix: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Not:
    """Resources for which ``clause`` does not hold (``:not``, ``:not-in``, ``ne`` of dates): missing ones included."""

    clause: Clause


@dataclass(frozen=True, slots=True)
class AllOf:
    """Resources for which every one of ``clauses`` holds: a conjunction inside an alternative."""

    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """The reference parameter points to a resource of ``target_type`` for which ``where`` holds.

    It points there literally (``REFERENCE`` entries), or by an identifier alone (a ``TOKEN`` entry
    ``<parameter>:logical`` equal to one ``identifier`` of the target), or by a canonical (a ``URI`` entry
    ``<parameter>:canonical`` equal to one ``_canonical`` of the target).
    """

    parameter: str
    target_type: str
    where: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """A resource of ``source_type`` for which ``where`` holds points here by its reference ``parameter``, in one of the
    ways of ``Chain``."""

    source_type: str
    parameter: str
    where: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class InCompartment:
    """The resource is in the compartment: it is the resource itself, or one of ``parameters`` points to it. Parsed
    searches name the one parameter ``_compartment``, which extraction fills for all types alike."""

    compartment_type: str
    logical_id: str
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contained:
    """One contained resource of ``resource_type`` fulfils all of ``where`` (parameters as that type names them); with
    ``through``, one to which this reference parameter of the container points.

    A store asks ``contained.alternatives(predicate, numbers)``: ordinary predicates, one alternative for each number
    that occurs in the container's type (``contained.numbers`` of the entry names).
    """

    resource_type: str
    where: tuple[Clause, ...]
    through: str | None = None


@dataclass(frozen=True, slots=True)
class OfType:
    """Resources of that type; in a search on several, to ask each something else."""

    resource_type: str


@dataclass(frozen=True, slots=True)
class SeenBy:
    """What one of these Organizations may see now, by the entries of kind RELATION: its own; and what points to
    Patients only if it has a relation to the person of each. What points to none is open unless ``attached``.
    ``through``: what counts are the Patients of all that it points to, too."""

    organizations: tuple[str, ...]
    attached: bool = False
    through: bool = False


@dataclass(frozen=True, slots=True)
class OwnBy:
    """What is one of these Organizations' own, or was first written by it."""

    organizations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Resources without any of these security labels (system, code)."""

    codes: frozenset[tuple[str, str]]


Predicate = (
    TokenIs
    | TokenIn
    | CodeStarts
    | StringIs
    | ReferenceIs
    | ReferenceWithin
    | DateIs
    | NumberIs
    | UriIs
    | CompositeIs
    | FullText
    | Near
    | Missing
    | IdIs
    | LastUpdatedIs
    | Not
    | AllOf
    | Chain
    | Has
    | InCompartment
    | Contained
    | OfType
    | SeenBy
    | OwnBy
    | Unlabelled
)

Clause = tuple[Predicate, ...]
"""One AND term: its predicates are alternatives (OR)."""


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort key: ``parameter`` (or _id, _lastUpdated) of ``kind`` (token string reference date number quantity
    uri). For parameters of human names it is ``<code>:sort``, which holds pinyin by syllables. Ascending takes the
    smallest entry of a resource, descending the largest; missing values come last both ways."""

    parameter: str
    kind: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Include:
    """``_include`` (forward) or ``_revinclude``: from ``source_type`` by ``parameter`` (``*``: all) to
    ``target_type`` (None: any). ``iterate`` applies it to what was included, too. ``source_type`` ``*`` (only with
    ``parameter`` ``*``) is any type: ``_revinclude=*``, ``_include:iterate=*``, and ``_include=*`` on several types."""

    source_type: str
    parameter: str
    target_type: str | None = None
    reverse: bool = False
    iterate: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A whole search. ``where`` maps nothing per type: on several types every clause must be a common parameter.

    ``cursor`` holds the sort keys of the last row of the previous page (see ``search.cursor``), ``count`` the page
    size; ``total`` is none, estimate or accurate; ``count`` 0 asks for the total only. ``in_turn``: the types come one
    after another as they are named, not merged; the place of the type leads the keys of the cursor.
    """

    resource_types: tuple[str, ...]
    where: tuple[Clause, ...] = ()
    sort: tuple[Sort, ...] = ()
    count: int = 20
    total: str = "none"
    includes: tuple[Include, ...] = ()
    cursor: tuple[object, ...] | None = None
    in_turn: bool = False
