"""Parameters that read nothing but what others of their resource type read (``combo-code``: what ``code`` and
``component-code`` read): they have no entries of their own and are asked by the others' (DESIGN decision 6).

Only R4's own parameters are looked at: a county cannot change these, so what a name is made of never changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from countyfhir.model.definitions import Definitions, SearchParameter, definitions
from countyfhir.search.paths import Path, branches
from countyfhir.search.query import (
    AllOf,
    Clause,
    CodeStarts,
    CompositeIs,
    DateIs,
    Missing,
    Not,
    NumberIs,
    OfType,
    Predicate,
    StringIs,
    TokenIn,
    TokenIs,
)
from countyfhir.search.walk import Node, grow

Parts = tuple[str, ...]
"""The codes that a parameter is made of; () of one with entries of its own."""

KINDS = frozenset({"token", "string", "quantity", "composite"})
"""References and uris have entries of their own: what points somewhere is followed by its parameter's name."""


_OF_VALUES = (TokenIs, TokenIn, CodeStarts, StringIs, DateIs, NumberIs, Missing)
"""What is asked of such parameters, besides composites."""


@lru_cache(maxsize=256)
def of_type(resource_type: str, known: Definitions) -> Mapping[str, Parts]:
    """The parameters of a type that are made of others, by code."""
    read: dict[str, tuple[object, frozenset[Path]]] = {}
    for code, parameter in known.search_parameters.get(resource_type, {}).items():
        paths = branches(parameter.expression) if parameter.expression and parameter.type in KINDS else None
        if paths and not code.startswith("_") and not _is_sounded(resource_type, parameter, paths, known):
            read[code] = _manner(parameter, known), frozenset(paths)
    made: dict[str, Parts] = {}
    for code in sorted(read, key=lambda each: (len(read[each][1]), each)):
        manner, all_paths = read[code]
        others = [
            each
            for each, (its_manner, its_paths) in read.items()
            if each not in made
            and its_manner == manner
            and (its_paths < all_paths or (its_paths == all_paths and each < code))
        ]
        if others and frozenset[Path]().union(*(read[each][1] for each in others)) == all_paths:
            made[code] = tuple(sorted(others))
    return made


def _manner(parameter: SearchParameter, known: Definitions) -> object:
    """What must be alike, besides the paths, for two parameters to have the same entries."""
    urls = known.search_parameter_urls
    return parameter.type, tuple((urls[url].type, expression) for url, expression in parameter.components)


def _is_sounded(resource_type: str, parameter: SearchParameter, paths: tuple[Path, ...], known: Definitions) -> bool:
    """Whether the parameter reads plain strings as names (``phonetic`` of an organisation), which no other does."""
    ends = (node for path in paths for node in grow(Node(resource_type), path, known) or ())
    return parameter.code == "phonetic" and any(node.type_name == "string" for node in ends)


def parts(resource_type: str, code: str, known: Definitions) -> Parts:
    """What the parameter is made of."""
    return of_type(resource_type, known).get(code, ())


def entry_names(resource_type: str, name: str) -> Parts:
    """The names under which entries stand that are meant by a name (a code, or one with a suffix)."""
    end = next((place for place, letter in enumerate(name) if letter in ":$"), len(name))
    made = parts(resource_type, name[:end], definitions())
    return tuple(each + name[end:] for each in made) or (name,)


@lru_cache(maxsize=4_096)
def wholes(resource_type: str, name: str) -> Parts:
    """The names that are made of it among others: what ``entry_names`` leads from."""
    made = of_type(resource_type, definitions())
    ended = ((f"{code}{name[len(part) :]}", part) for code, codes in made.items() for part in codes)
    return tuple(whole for whole, part in ended if name.startswith(part) and name in entry_names(resource_type, whole))


@lru_cache(maxsize=4_096)
def _alike(resource_types: tuple[str, ...], code: str, known: Definitions) -> Mapping[Parts, tuple[str, ...]]:
    """The types by what the parameter is made of there."""
    grouped: dict[Parts, tuple[str, ...]] = {}
    for each in resource_types:
        made = parts(each, code, known)
        grouped[made] = (*grouped.get(made, ()), each)
    return grouped


def asked(clause: Clause, resource_types: tuple[str, ...], code: str, known: Definitions) -> Clause:
    """The clause about a parameter as one about what it is made of on each of the types."""
    grouped = _alike(resource_types, code, known)
    if len(grouped) == 1:
        return _of_parts(clause, code, *grouped)
    return tuple(AllOf((tuple(map(OfType, types)), _of_parts(clause, code, made))) for made, types in grouped.items())


def _of_parts(clause: Clause, code: str, made: Parts) -> Clause:
    return tuple(each for predicate in clause for each in _renamed(predicate, code, made)) if made else clause


def _renamed(predicate: Predicate, code: str, made: Parts) -> Iterator[Predicate]:
    """The predicate for each of the parts: alternatives."""
    if isinstance(predicate, Not):
        yield Not(_of_parts(predicate.clause, code, made))
    elif isinstance(predicate, Missing) and predicate.missing:
        yield Not(tuple(_renamed(replace(predicate, missing=False), code, made)))
    elif isinstance(predicate, CompositeIs):
        for part in made:
            inner = tuple(next(_renamed(each, code, (part,))) for each in predicate.parts)
            yield CompositeIs(part, inner)
    else:
        assert isinstance(predicate, _OF_VALUES)
        for part in made:
            yield replace(predicate, parameter=part + predicate.parameter[len(code) :])
