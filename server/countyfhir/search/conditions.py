"""One search parameter as a clause: modifiers, chains, ``_has``, composites (R4 sections 3.1.1.4.2 to 3.1.1.4.14)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count, product

from countyfhir.model.definitions import Definitions, SearchParameter
from countyfhir.outcome import FhirError
from countyfhir.search import coded, filter_conditions, text_expressions, unions, values
from countyfhir.search import parameters as table_of
from countyfhir.search.compartments import COMPARTMENT
from countyfhir.search.context import Context
from countyfhir.search.elements import CANONICAL, IDENTIFIER, OF_TYPE, TEXT
from countyfhir.search.escapes import split, unescape
from countyfhir.search.filters import FILTER
from countyfhir.search.hierarchies import PART_OF
from countyfhir.search.leaves import (
    element_types,
    implicit_codings,
    implicit_systems,
    is_canonical,
    sorts_apart,
    types_read,
)
from countyfhir.search.lists import FUNCTIONAL, Pairs
from countyfhir.search.named_queries import NAMED
from countyfhir.search.named_queries import pairs as meant_by
from countyfhir.search.near import near
from countyfhir.search.parameters import QUERY, named
from countyfhir.search.query import (
    FOREVER,
    AllOf,
    Chain,
    Clause,
    CompositeIs,
    Contained,
    Has,
    IdIs,
    InCompartment,
    LastUpdatedIs,
    Missing,
    Not,
    OfType,
    Predicate,
    ReferenceWithin,
    StringIs,
    UriIs,
)
from countyfhir.search.refusals import NotReady, Unsupported, malformed, shown
from countyfhir.search.spelled import in_one_word
from countyfhir.search.values import LOGICAL_ID, Reading

DEEPEST = 10
"""Links of a chain or of nested ``_has``, so that no query asks for unbounded work."""
MOST_LINKS = 500
"""Links of one parameter over all the types that an untyped chain may lead to."""
MOST_VALUES = 1_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a condition stands: the types it is on, how deep in a chain, whether no type was named (``wide``: on the
    whole server or on all of a compartment), and whether chains lead to contained resources, too."""

    resource_types: tuple[str, ...]
    context: Context
    depth: int = 0
    wide: bool = False
    links: Iterator[int] = field(default_factory=count)
    contained: bool = False

    def inside(self, resource_type: str) -> Place:
        """The place behind a link of a chain; FhirError when there are too many."""
        if next(self.links) >= MOST_LINKS:
            raise FhirError(
                "too-costly", "The chain leads to too many types; name them (subject:Patient.name).", status=400
            )
        return Place((resource_type,), self.context, self.depth + 1, links=self.links)

    @property
    def said(self) -> str:
        """The types as messages name them."""
        return self.resource_types[0] if len(self.resource_types) == 1 else "a search on several types"


def condition(place: Place, name: str, text: str) -> Clause:
    """The clause of ``name=text``. Unsupported for an unknown parameter or modifier, FhirError 400 for a malformed
    value."""
    if place.depth > DEEPEST:
        raise Unsupported(f"A chain of more than {DEEPEST} links is not followed.")
    link, dot, rest = name.partition(".")
    if dot or name.startswith("_has:"):
        counted = place if place.depth else replace(place, links=count())
        return _has(counted, name, text) if name.startswith("_has:") else _chain(counted, link, rest, text)
    code, colon, modifier = name.partition(":")
    if colon and not modifier:
        raise Unsupported(f"{shown(name)} ends in a colon without a modifier.")
    return _of_parts(place, code, _applied(place, find(place, code), modifier, text))


def _of_parts(place: Place, code: str, clause: Clause) -> Clause:
    """The clause about what the parameter is made of, where it has no entries of its own."""
    return unions.asked(clause, place.resource_types, code, place.context.parameters.definitions)


def find(place: Place, code: str) -> SearchParameter:
    """The parameter of that code; Unsupported names what there is."""
    table = place.context.parameters
    parameter = table.shared(place.resource_types).get(code)
    if parameter is None and (job := table.waits_for(place.resource_types, code)) is not None:
        raise NotReady(code, job)
    if parameter is None or not table_of.is_answered(parameter):
        offered = table_of.shared_codes(table, place.resource_types)
        raise Unsupported(f"{shown(code)} is no search parameter of {place.said}; supported are {named(offered)}.")
    return parameter


def alternatives(text: str, name: str) -> list[str]:
    """The values that commas separate, still escaped; none may be empty."""
    parts = split(text, ",")
    if not all(parts):
        raise malformed(name, "it is empty, or has an empty alternative between commas")
    if len(parts) > MOST_VALUES:
        raise malformed(name, f"more than {MOST_VALUES} alternatives")
    return parts


def _applied(place: Place, parameter: SearchParameter, modifier: str, text: str) -> Clause:
    """The clause of a parameter under a modifier ("" for none)."""
    if modifier == "missing":
        return (_missing(place, parameter, text),)
    if parameter.type == "reference" and modifier in place.context.parameters.definitions.resource_types:
        reading = _reading(place, parameter)
        return tuple(values.reference(value, reading, modifier) for value in alternatives(text, parameter.code))
    key = parameter.code if parameter.code in _COLUMNS else parameter.type
    apply = MODIFIERS[key].get(modifier)
    if apply is None or not _fits(modifier, parameter, place.resource_types[0], place.context.parameters.definitions):
        raise _no_modifier(place, parameter, modifier)
    if parameter.code == FILTER:
        return apply(place, parameter, [text])
    return apply(place, parameter, alternatives(text, parameter.code + (modifier and f":{modifier}")))


def _no_modifier(place: Place, parameter: SearchParameter, modifier: str) -> Unsupported:
    offered = modifiers_of(parameter, place.resource_types[0], place.context.parameters.definitions)
    listed = ", ".join(offered) or "none"
    return Unsupported(f"{parameter.code} has no modifier :{shown(modifier)}; supported: {listed}.")


def modifiers_of(parameter: SearchParameter, resource_type: str, known: Definitions) -> list[str]:
    """The modifiers that work on a parameter of the type."""
    key = parameter.code if parameter.code in _COLUMNS else parameter.type
    offered = sorted(each for each in MODIFIERS[key] if each and _fits(each, parameter, resource_type, known))
    if key not in _COLUMNS or key in _ALWAYS_THERE:
        offered.append("missing")
    if key == "reference":
        offered.append("[type]")
    return offered


_ON_TYPES = {"of-type": frozenset({"Identifier"}), "text": frozenset({"Coding", "CodeableConcept", "Identifier"})}
_ON_TYPES |= dict.fromkeys(("in", "not-in", "above", "below"), coded.CODED)
"""What elements of a token parameter must be for a modifier to mean anything."""


def _fits(modifier: str, parameter: SearchParameter, resource_type: str, known: Definitions) -> bool:
    """Whether the modifier can find anything on what the parameter reads."""
    if not modifier or parameter.code in _COLUMNS:
        return True
    if parameter.type == "token" and modifier in _ON_TYPES:
        read = element_types(resource_type, parameter, known)
        return not read or "Extension" in read or not read.isdisjoint(_ON_TYPES[modifier])
    if parameter.type == "reference":
        if is_canonical(resource_type, parameter, known):
            return modifier == "below"
        return modifier == "identifier" or bool(_wholes(parameter))
    return True


def _wholes(parameter: SearchParameter) -> list[str]:
    """The types with hierarchies that a reference parameter leads to; none of one that leads anywhere."""
    return [each for each in table_of.targets(parameter) if each in PART_OF]


def _missing(place: Place, parameter: SearchParameter, text: str) -> Predicate:
    if parameter.code in _COLUMNS and parameter.code not in _ALWAYS_THERE:
        raise _no_modifier(place, parameter, "missing")
    if text not in ("true", "false"):
        raise malformed(f"{parameter.code}:missing", "it is true or false")
    if parameter.code in _ALWAYS_THERE:
        return LastUpdatedIs("lt" if text == "true" else "ge", -FOREVER, -FOREVER)
    name = parameter.code + _WHERE_IT_STANDS.get(parameter.type, "")
    return Missing(name, text == "true")


_WHERE_IT_STANDS = {"composite": "$1", "special": "$latitude"}
"""The entries that are there whenever the parameter has a value, where they are not under its own name."""


def _reading(place: Place, parameter: SearchParameter, suffix: str = "") -> Reading:
    context = place.context
    systems = types = frozenset[str]()
    if parameter.type == "token":
        table = context.parameters
        systems = implicit_systems(place.resource_types[0], parameter, table.definitions)
        types = types_read(place.resource_types, parameter.code, table)
    return Reading(parameter.code + suffix, context.zone, context.base.rstrip("/"), context.now(), systems, types)


Apply = Callable[[Place, SearchParameter, list[str]], Clause]


def _each(reader: Callable[[str, Reading], Predicate], suffix: str = "") -> Apply:
    """The values read one by one, compared under the parameter's name with the suffix."""

    def apply(place: Place, parameter: SearchParameter, texts: list[str]) -> Clause:
        reading = _reading(place, parameter, suffix)
        return tuple(reader(text, reading) for text in texts)

    return apply


def _strings(match: str) -> Apply:
    """Texts; of names, also in one word where spaces stand in Chinese or pinyin."""

    def apply(place: Place, parameter: SearchParameter, texts: list[str]) -> Clause:
        found, table = _each(values.string(match))(place, parameter, texts), place.context.parameters
        if parameter.code != "phonetic" and not sorts_apart(place.resource_types, parameter.code, table):
            return found
        asked = [each for each in found if isinstance(each, StringIs)]
        joined = [replace(each, value=whole) for each in asked if (whole := in_one_word(each.value)) is not None]
        return (*found, *joined)

    return apply


def _alternatives(reader: Callable[[str, Reading], Clause]) -> Apply:
    """The values read one by one, each as alternatives."""

    def apply(place: Place, parameter: SearchParameter, texts: list[str]) -> Clause:
        reading = _reading(place, parameter)
        return tuple(each for text in texts for each in reader(text, reading))

    return apply


def _not(place: Place, parameter: SearchParameter, texts: list[str]) -> Clause:
    """None of the values, those without any included."""
    key = "_id" if parameter.code == "_id" else "token"
    return (Not(MODIFIERS[key][""](place, parameter, texts)),)


def _coded(reader: Callable[[str, coded.Coded], Predicate]) -> Apply:
    """The values read with the terminology."""

    def apply(place: Place, parameter: SearchParameter, texts: list[str]) -> Clause:
        context, resource_type = place.context, place.resource_types[0]
        known = context.parameters.definitions
        plain = element_types(resource_type, parameter, known) == {"code"}
        codings = implicit_codings(resource_type, parameter, known) if plain else frozenset()
        reading = coded.Coded(parameter.code, context.concepts, context.base.rstrip("/"), plain, codings)
        return tuple(reader(text, reading) for text in texts)

    return apply


def _not_in(place: Place, parameter: SearchParameter, texts: list[str]) -> Clause:
    """In none of the value sets, those without any value included."""
    return (Not(_coded(coded.members)(place, parameter, texts)),)


def _within(direction: str) -> Apply:
    """References into hierarchies; canonicals of a version or deeper."""

    def apply(place: Place, parameter: SearchParameter, texts: list[str]) -> Clause:
        reading = _reading(place, parameter)
        if is_canonical(place.resource_types[0], parameter, place.context.parameters.definitions):
            return tuple(each for text in texts for each in _versions(unescape(text), parameter.code + CANONICAL))
        return tuple(each for text in texts for each in _parts(text, direction, parameter, reading))

    return apply


def _parts(text: str, direction: str, parameter: SearchParameter, reading: Reading) -> Clause:
    asked, wholes = values.reference(text, reading), _wholes(parameter)
    if asked.target_id is None or asked.target_type not in (None, *wholes):
        raise malformed(parameter.code, f":{direction} follows references to {named(wholes)} on this server")
    types = [asked.target_type] if asked.target_type else wholes
    return tuple(ReferenceWithin(parameter.code, direction, each, asked.target_id, PART_OF[each]) for each in types)


def _versions(text: str, name: str) -> Clause:
    """``url|1.2``: that version and what goes on with a dot; ``url``: every version, and what is deeper."""
    if "|" in text:
        return (UriIs(name, "versions", text),)
    return (UriIs(name, "below", text), UriIs(name, "versions", f"{text}|"))


def _uri_below(place: Place, parameter: SearchParameter, texts: list[str]) -> Clause:
    plain = [unescape(text) for text in texts]
    return tuple(UriIs(parameter.code, "versions" if "|" in text else "below", text) for text in plain)


def _ids(place: Place, parameter: SearchParameter, texts: list[str]) -> Clause:
    plain = [unescape(text) for text in texts]
    if not all(map(LOGICAL_ID.fullmatch, plain)):
        raise malformed("_id", "an id has 1 to 64 letters, digits, '-' and '.'")
    return (IdIs(tuple(dict.fromkeys(plain))),)


def _last_updated(place: Place, parameter: SearchParameter, texts: list[str]) -> Clause:
    reading = _reading(place, parameter)
    return tuple(LastUpdatedIs(*values.date_range(text, reading)) for text in texts)


def _full_text(place: Place, parameter: SearchParameter, texts: list[str]) -> Clause:
    return tuple(predicate for text in texts for predicate in text_expressions.clause(parameter.code, unescape(text)))


def _members(place: Place, parameter: SearchParameter, texts: list[str]) -> Clause:
    """What the entries of a List point to, and what functional lists stand for."""
    plain = dict.fromkeys(unescape(text).removeprefix("List/") for text in texts)
    functional = [text for text in plain if text.startswith("$")]
    ids = tuple(text for text in plain if not text.startswith("$"))
    if not all(map(LOGICAL_ID.fullmatch, ids)) or not FUNCTIONAL.keys() >= set(functional):
        raise malformed("_list", f"it is the id of a List, or one of {named(FUNCTIONAL)}")
    members: Clause = (Has("List", "item", ((IdIs(ids),),)),) if ids else ()
    return (*members, *(each for name in functional for each in _current(place, name)))


def _current(place: Place, name: str) -> Clause:
    """What a functional list holds of the types that are searched."""
    types = [each for each in place.resource_types if each in FUNCTIONAL[name]]
    if not types:
        raise malformed("_list", f"{name} holds {named(FUNCTIONAL[name])}, not {place.said}")
    return tuple(_stands_for(place, each, FUNCTIONAL[name][each]) for each in types)


def _named_query(place: Place, parameter: SearchParameter, texts: list[str]) -> Clause:
    """What a named query of the types stands for."""
    offered = set.intersection(*(set(NAMED[each]) for each in place.resource_types))
    if len(texts) != 1 or texts[0] not in offered:
        raise malformed(QUERY, f"the named queries of {place.said} are {named(offered) or 'none'}; one can be asked")
    now = place.context.now()
    return tuple(_stands_for(place, each, meant_by(NAMED[each][texts[0]], now)) for each in place.resource_types)


def _stands_for(place: Place, resource_type: str, pairs: Pairs) -> AllOf:
    """Resources of the type that fulfil all of it."""
    there = replace(place, resource_types=(resource_type,))
    typed = ((OfType(resource_type),),) if len(place.resource_types) > 1 else ()
    return AllOf((*typed, *(condition(there, *pair) for pair in pairs)))


def _filtered(place: Place, parameter: SearchParameter, texts: list[str]) -> Clause:
    language = filter_conditions.Language(condition, lambda there, code: find(there, code).type, _followed, _of_parts)
    return filter_conditions.clause(place, texts[0], language)


def _display(text: str, reading: Reading) -> Predicate:
    return values.string("starts")(text, reading)


def _composites(place: Place, parameter: SearchParameter, texts: list[str]) -> Clause:
    return tuple(each for text in texts for each in _composite(place, parameter, text))


def _composite(place: Place, parameter: SearchParameter, text: str) -> Clause:
    parts = split(text, "$")
    if len(parts) != len(parameter.components) or not all(parts):
        raise malformed(parameter.code, f"it has {len(parameter.components)} components, separated by $")
    table = place.context.parameters
    reading = _reading(place, parameter)
    read = [
        values.READERS[table.component_type(url)](part, replace(reading, parameter=f"{parameter.code}${number}"))
        for number, ((url, _), part) in enumerate(zip(parameter.components, parts, strict=True), 1)
    ]
    return tuple(CompositeIs(parameter.code, each) for each in product(*read))


_COLUMNS = ("_id", "_lastUpdated", "_text", "_content", "_list", "_filter", QUERY)
"""Parameters with modifiers of their own, whatever their type."""
_ALWAYS_THERE = ("_id", "_lastUpdated")
"""Those of them that every resource has a value of."""

MODIFIERS: Mapping[str, Mapping[str, Apply]] = {
    "token": {
        "": _alternatives(values.token),
        "not": _not,
        "text": _each(_display, TEXT),
        "code-text": _each(values.code_text),
        "of-type": _each(values.identifier_of_type, OF_TYPE),
        "in": _coded(coded.members),
        "not-in": _not_in,
        "below": _coded(coded.related("below")),
        "above": _coded(coded.related("above")),
    },
    "string": {
        "": _strings("starts"),
        "contains": _strings("contains"),
        "exact": _each(values.string("exact")),
    },
    "reference": {
        "": _each(values.reference),
        "identifier": _each(values.identifier, IDENTIFIER),
        "below": _within("below"),
        "above": _within("above"),
    },
    "date": {"": _each(values.date)},
    "number": {"": _each(values.number)},
    "quantity": {"": _each(values.quantity)},
    "uri": {
        "": _each(values.uri("exact")),
        "below": _uri_below,
        "above": _each(values.uri("above")),
    },
    "composite": {"": _composites},
    "special": {"": lambda place, parameter, texts: tuple(near(text, parameter.code) for text in texts)},
    "_id": {"": _ids, "not": _not},
    "_lastUpdated": {"": _last_updated},
    "_text": {"": _full_text},
    "_content": {"": _full_text},
    "_list": {"": _members},
    QUERY: {"": _named_query},
    "_filter": {"": _filtered},
}
"""Modifier -> how it applies, by search type; ``:missing`` (all types) and ``:[type]`` (references) stand above."""


def _chain(place: Place, link: str, rest: str, text: str) -> Clause:
    """``subject:Patient.name=…``: without a type, each target type that knows the rest is an alternative."""
    return _followed(place, link, lambda inside: (condition(inside, rest, text),), f"{link}.{rest}")


def _followed(place: Place, link: str, inside: Callable[[Place], tuple[Clause, ...]], name: str = "") -> Clause:
    """What ``inside`` asks of the resources behind a reference parameter (``subject`` or ``subject:Patient``)."""
    code, _, wanted = link.partition(":")
    parameter = _reference_parameter(place, code, name or link)
    known = place.context.parameters.definitions.endpoint_types
    allowed = table_of.targets(parameter) or tuple(sorted(known))
    if wanted and wanted not in allowed:
        listed = named(allowed) if len(allowed) < 20 else "any resource type"
        raise Unsupported(f"{code} does not lead to {shown(wanted)}; it leads to {listed}.")
    types = (wanted,) if wanted else tuple(each for each in allowed if each in known)
    return _chained(place, parameter, types, inside)


def _chained(
    place: Place, parameter: SearchParameter, types: tuple[str, ...], inside: Callable[[Place], tuple[Clause, ...]]
) -> Clause:
    found: list[Predicate] = []
    refused: Unsupported | None = None
    for target_type in types:
        try:
            where = inside(place.inside(target_type))
        except Unsupported as error:
            refused = error
            continue
        found.append(Chain(parameter.code, target_type, where))
        if place.contained:
            found.append(Contained(target_type, where, parameter.code))
    if not found:
        raise refused or Unsupported(f"{parameter.code} leads to no resource type of this server.")
    return tuple(found)


def _has(place: Place, name: str, text: str) -> Clause:
    """``_has:Observation:patient:code=…``: a resource of that type points here and fulfils the rest."""
    parts = name.split(":", 3)
    if len(parts) != 4 or not all(parts):
        raise Unsupported(f"{shown(name)} is written _has:Type:reference-parameter:parameter.")
    _, source_type, code, rest = parts
    if source_type not in place.context.parameters.definitions.endpoint_types:
        raise Unsupported(f"_has names {shown(source_type)}, which is no resource type.")
    inside = place.inside(source_type)
    parameter = _reference_parameter(inside, code, name)
    if not any(table_of.leads_to(parameter, each) for each in place.resource_types):
        raise Unsupported(f"{source_type}.{code} does not lead to {place.said}.")
    return (Has(source_type, code, (condition(inside, rest, text),)),)


def _reference_parameter(place: Place, code: str, name: str) -> SearchParameter:
    parameter = find(place, code)
    if parameter.type != "reference":
        raise Unsupported(f"{shown(name)}: {code} is a {parameter.type} parameter; only references can be followed.")
    return parameter


def in_compartment(context: Context, compartment: tuple[str, str]) -> Clause:
    """The clause that keeps a search inside ``("Patient", "123")``."""
    compartment_type, logical_id = compartment
    if compartment_type not in context.parameters.definitions.compartments:
        raise Unsupported(f"{shown(compartment_type)} is no compartment.")
    if not LOGICAL_ID.fullmatch(logical_id):
        raise malformed(compartment_type, "an id has 1 to 64 letters, digits, '-' and '.'")
    return (InCompartment(compartment_type, logical_id, (COMPARTMENT,)),)
