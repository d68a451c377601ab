"""A whole search answered by looking at every resource: conditions, chains, order, includes (R4 section 3.1.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from countyfhir import fhirpath
from countyfhir.model.definitions import SearchParameter, definitions

from . import matching, specials, texts
from .matching import Asked

Resource = dict[str, Any]
Key = tuple[str, str]
BY_CANONICAL = frozenset({"questionnaire"})
"""Reference parameters of canonicals: ``*`` does not follow them."""
OWN = ("_id", "_lastUpdated")


@dataclass(frozen=True)
class County:
    """Every current resource by (type, id), in the order they were first known to the server."""

    resources: Mapping[Key, Resource]
    base: str
    now: int

    @property
    def rank(self) -> dict[Key, int]:
        """The place of each resource in that order."""
        return {key: place for place, key in enumerate(self.resources)}


@cache
def compiled(expression: str, type_name: str) -> fhirpath.Expression:
    """An expression; HL7 writes the type of some components ``DateTime``, and means dateTime."""
    return fhirpath.compile(expression.replace("as(DateTime)", "as(dateTime)"), type_name)


def parameter_of(resource_type: str, code: str) -> SearchParameter:
    return definitions().search_parameters[resource_type][code]


def values(resource: Resource, parameter: SearchParameter) -> list[tuple[Any, str]]:
    """``(value, type)`` of everything the parameter's expression gives."""
    items = compiled(parameter.expression, resource["resourceType"])(resource)
    return [(item.value, item.type_name.removeprefix("System.")) for item in items if item.value is not None]


def composites(resource: Resource, parameter: SearchParameter) -> list[list[list[tuple[Any, str]]]]:
    """Per element the values of each component; elements that lack one are left out."""
    found = []
    for element in compiled(parameter.expression, resource["resourceType"])(resource):
        parts = [
            [
                (item.value, item.type_name)
                for item in compiled(expression, element.type_name)(element, resource=resource)
                if item.value is not None
            ]
            for _, expression in parameter.components
        ]
        if all(parts):
            found.append(parts)
    return found


def holds(county: County, resource: Resource, name: str, text: str) -> bool:
    """Whether the resource fulfils one ``name=text`` of a search."""
    resource_type = resource["resourceType"]
    if name.startswith("_has:"):
        return _has(county, resource, name, text)
    link, dot, rest = name.partition(".")
    if dot:
        return _chained(county, resource, link, rest, text)
    code, _, modifier = name.partition(":")
    if code in ("_text", "_content", "near", "_filter", "_list"):
        return _in_its_own_language(county, resource, code, text)
    alternatives = matching.split(text, ",")
    if code == "_id":
        return (resource["id"] in alternatives) != (modifier == "not")
    parameter = parameter_of(resource_type, code)
    asked = Asked(county.base, county.now, code, parameter.type)
    if code == "_lastUpdated":
        return any(matching.date(resource["meta"]["lastUpdated"], "instant", each, "", asked) for each in alternatives)
    if parameter.type == "composite":
        found = composites(resource, parameter)
        if modifier == "missing":
            return (not found) == (text == "true")
        return any(_composite(parts, parameter, each, asked) for parts in found for each in alternatives)
    present = [each for each in values(resource, parameter) if matching.says_something(*each, parameter.type)]
    if modifier == "missing":
        return (not present) == (text == "true")
    if parameter.type == "reference" and modifier in ("below", "above") and parameter.code not in BY_CANONICAL:
        return any(_within(county, value, modifier, text) for value, _ in present)
    if modifier in ("in", "not-in", "below", "above") and parameter.type == "token":
        inside = any(specials.coded(value, kind, modifier.removeprefix("not-"), text) for value, kind in present)
        return inside != (modifier == "not-in")
    match = matching.MATCH[parameter.type]
    positive = "" if modifier == "not" else modifier
    found = any(match(value, kind, each, positive, asked) for value, kind in present for each in alternatives)
    return found != (modifier == "not")


def _in_its_own_language(county: County, resource: Resource, code: str, text: str) -> bool:
    if code in ("_text", "_content"):
        return specials.words(resource, code, text)
    if code == "near":
        return specials.near(resource, text)
    if code == "_filter":
        return specials.joined(specials.EXPRESSIONS[text], lambda leaf: _filtered(county, resource, leaf))
    own = (resource["resourceType"], resource["id"])
    if text in specials.FUNCTIONAL:
        return specials.FUNCTIONAL[text][resource["resourceType"]](resource)
    lists = [county.resources[key] for key in (("List", each) for each in text.split(",")) if key in county.resources]
    return any(own in targets(county, each, "item") for each in lists)


def _within(county: County, value: Any, modifier: str, text: str) -> bool:
    """Whether a reference leads to the whole or to one of its parts (below), or to what it is part of (above)."""
    whole, logical_id = text.split("/")
    found, wanted = matching.target(value, county.base), (whole, logical_id)
    return wanted in _upward(county, found) if modifier == "below" else found in _upward(county, wanted)


def _upward(county: County, key: Key) -> list[Key]:
    """A resource and all that it is part of."""
    reached = [key]
    for each in reached:
        above = county.resources.get(each, {}).get("partOf")
        up = matching.target(above, county.base) if above else ("", "")
        if up[0] and up not in reached:
            reached.append(up)
    return reached


def _filtered(county: County, resource: Resource, leaf: specials.Tree) -> bool:
    """One comparison of a filter, or what is asked of the target of a reference."""
    if leaf[0] == "follow":
        _, code, wanted, tree = leaf
        reached = (*targets(county, resource, code), *identified(county, resource, code))
        return any(
            specials.joined(tree, lambda inner, there=county.resources[key]: _filtered(county, there, inner))
            for key in reached
            if key[0] == wanted
        )
    _, code, operator, text = leaf
    parameter = parameter_of(resource["resourceType"], code)
    asked = Asked(county.base, county.now, code, parameter.type)
    present = [each for each in values(resource, parameter) if matching.says_something(*each, parameter.type)]
    if operator == "pr":
        return bool(present) == (text == "true")
    unordered = parameter.type in ("string", "token", "uri", "reference")
    wanted = {"ne": "eq", "re": "eq"}.get(operator, operator) if unordered else operator
    found = any(specials.compared(value, kind, parameter.type, code, wanted, text, asked) for value, kind in present)
    return bool(present) and not found if unordered and operator == "ne" else found


def _composite(parts: list[list[tuple[Any, str]]], parameter: SearchParameter, text: str, asked: Asked) -> bool:
    wanted = matching.split(text, "$")
    return all(
        any(
            matching.MATCH[matching.component_types(url)](value, kind, each, "", replace(asked, code=""))
            for value, kind in found
        )
        for (url, _), each, found in zip(parameter.components, wanted, parts, strict=True)
    )


def targets(county: County, resource: Resource, code: str) -> list[Key]:
    """The resources of ours that a reference parameter leads to, deleted and unknown ones left out."""
    found: list[Key] = []
    for value, _ in values(resource, parameter_of(resource["resourceType"], code)):
        found += _of_canonical(county, value) if isinstance(value, str) else [matching.target(value, county.base)]
    return [key for key in dict.fromkeys(found) if key in county.resources]


def _of_canonical(county: County, canonical: str) -> list[Key]:
    """The resources with that url, and with that version where one is named."""
    url, _, version = canonical.partition("|")
    return [
        key
        for key, resource in county.resources.items()
        if resource.get("url") == url and (not version or resource.get("version") == version)
    ]


def identified(county: County, resource: Resource, code: str) -> list[Key]:
    """The resources to which a reference parameter leads by an identifier alone; where the parameter wants one type of
    target, references that name no other."""
    parameter = parameter_of(resource["resourceType"], code)
    bare = re.sub(r"\.where\(resolve\(\) is (\w+)\)", "", parameter.expression)
    wanted = re.findall(r"resolve\(\) is (\w+)", parameter.expression)
    named = [
        (value["identifier"].get("system"), value["identifier"].get("value"), value.get("type", ""))
        for value in (item.value for item in compiled(bare, resource["resourceType"])(resource))
        if isinstance(value, dict) and "identifier" in value and "reference" not in value
    ]
    return [
        key
        for key, target_resource in county.resources.items()
        if key[0] in (wanted or parameter.targets)
        for system, number, stated in named
        if system
        and number
        and (not wanted or stated in ("", *wanted))
        and any(
            (system, number) in matching.codings(each, "Identifier") for each in target_resource.get("identifier", ())
        )
    ]


def _chained(county: County, resource: Resource, link: str, rest: str, text: str) -> bool:
    code, _, wanted = link.partition(":")
    following = rest.partition(".")[0].partition(":")[0]
    return any(
        holds(county, county.resources[key], rest, text)
        for key in (*targets(county, resource, code), *identified(county, resource, code))
        if wanted in ("", key[0])
        and (following in ("_has", "_list", "_filter") or following in definitions().search_parameters[key[0]])
    )


def _has(county: County, resource: Resource, name: str, text: str) -> bool:
    _, source_type, code, rest = name.split(":", 3)
    own = (resource["resourceType"], resource["id"])
    return any(
        own in (*targets(county, source, code), *identified(county, source, code)) and holds(county, source, rest, text)
        for (kind, _), source in county.resources.items()
        if kind == source_type
    )


def in_compartment(county: County, resource: Resource, compartment: Key) -> bool:
    """The resource is the compartment's own, or one of its compartment parameters leads there."""
    kind, logical_id = compartment
    if (resource["resourceType"], resource["id"]) == compartment:
        return True
    codes = definitions().compartments[kind].get(resource["resourceType"], ())
    return any(
        matching.target(value, county.base) == (kind, logical_id)
        for code in codes
        if code != "{def}"
        for value, _ in values(resource, parameter_of(resource["resourceType"], code))
        if isinstance(value, dict)
    )


def seen(county: County, granted: Mapping[str, str]) -> County:
    """What a caller may see who of some types only gets what fulfils the criteria: chains and includes, too, look at
    nothing else."""
    visible = {
        key: resource
        for key, resource in county.resources.items()
        if key[0] not in granted or holds(county, resource, *granted[key[0]].split("=", 1))
    }
    return replace(county, resources=visible)


def contains(county: County, resource: Resource, kinds: Iterable[str], conditions: list[tuple[str, str]]) -> bool:
    """Whether one contained resource of the type fulfils it all."""
    return any(
        each["resourceType"] in kinds and all(holds(county, each, name, text) for name, text in conditions)
        for each in resource.get("contained", ())
    )


def matches(county: County, types: Iterable[str], query: str, compartment: Key | None = None) -> list[Key]:
    """Every match of a search on the types, in the order the server has to answer."""
    pairs = parse_qsl(query, keep_blank_values=True)
    conditions = [(name, text) for name, text in pairs if not _shapes(name)]
    mode = dict(pairs).get("_contained", "false")
    found = [
        key
        for key, resource in county.resources.items()
        if (compartment is None or in_compartment(county, resource, compartment))
        and (
            (
                mode != "true"
                and key[0] in types
                and all(holds(county, resource, name, text) for name, text in conditions)
            )
            or (mode != "false" and contains(county, resource, types, conditions))
        )
    ]
    return ordered(county, found, [key for name, text in pairs if name == "_sort" for key in text.split(",")])


def shown(county: County, found: list[Key], types: Iterable[str], query: str) -> list[Key]:
    """The entries that matches have: themselves, or with ``_containedType=contained`` what they contain."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if dict(pairs).get("_contained", "false") == "false" or dict(pairs).get("_containedType") == "container":
        return found
    conditions = [(name, text) for name, text in pairs if not _shapes(name)]
    entries: list[Key] = []
    for key in found:
        container = county.resources[key]
        itself = dict(pairs)["_contained"] == "both" and key[0] in types
        if itself and all(holds(county, container, name, text) for name, text in conditions):
            entries.append(key)
        entries += [
            (each["resourceType"], f"{'/'.join(key)}#{each['id']}")
            for each in container.get("contained", ())
            if each["resourceType"] in types and all(holds(county, each, name, text) for name, text in conditions)
        ]
    return entries


def _shapes(name: str) -> bool:
    return name.partition(":")[0] in (
        "_sort",
        "_count",
        "_total",
        "_summary",
        "_include",
        "_revinclude",
        "_type",
    ) or name.startswith("_contained")


def ordered(county: County, found: list[Key], sort: list[str]) -> list[Key]:
    """By the keys of ``_sort``, missing values last both ways; then by age: the latest known first when nothing was
    said or the first key descends, else the oldest."""
    rank = county.rank
    newest_first = not sort or sort[0].startswith("-")
    result = sorted(found, key=rank.__getitem__, reverse=newest_first)
    for key in reversed(sort):
        down, code = key.startswith("-"), key.removeprefix("-")
        keyed = {each: sort_key(county, county.resources[each], code, down) for each in result}
        present = [each for each in result if keyed[each] is not None]
        missing = [each for each in result if keyed[each] is None]
        result = sorted(present, key=keyed.__getitem__, reverse=down)  # equals keep their order both ways
        result += missing
    return result


def sort_key(county: County, resource: Resource, code: str, down: bool) -> Any:
    """The smallest value of the resource, the largest when the order descends; None when there is none."""
    if code == "_id":
        return resource["id"]
    if code == "_lastUpdated":
        return resource["meta"]["lastUpdated"]
    parameter = parameter_of(resource["resourceType"], code)
    keys = [key for value, kind in values(resource, parameter) for key in _keys(value, kind, parameter, county, down)]
    return (max if down else min)(keys, default=None)


def _keys(value: Any, kind: str, parameter: SearchParameter, county: County, down: bool) -> list[Any]:
    if parameter.type == "string":
        if kind == "HumanName":
            named = texts.whole_name(value) or value.get("text") or " ".join(value.get("given", ()))
            return [texts.sort_text(named)] if named else []
        if parameter.code in ("family", "given"):
            return [texts.sort_text(value)]
        return [texts.folded(text) for text in matching.strings(value, kind, parameter.code)]
    if parameter.type == "token":
        codes = [code for _, code in matching.codings(value, kind) if code]
        return codes if kind in matching.EXACT else [code.casefold() for code in codes]
    if parameter.type == "date":
        found = matching.covered(value, kind)
        return [found[1] if down else found[0]] if found else []
    if parameter.type in ("number", "quantity"):
        return list(matching.numbers(value, kind))
    if parameter.type == "uri":
        return [value.partition("|")[0], value] if "|" in value else [value]
    kind_or_none, rest = matching.target(value, county.base)
    return [f"{kind_or_none}/{rest}" if kind_or_none else rest] if rest else []


def included(county: County, found: list[Key], query: str, source_types: Iterable[str]) -> set[Key]:
    """What the includes of a search bring along to these matches, the matches themselves left out."""
    asked = [pair for pair in parse_qsl(query) if pair[0].partition(":")[0] in ("_include", "_revinclude")]
    everything, frontier, first = set(found), set(found), True
    while frontier:
        fresh: set[Key] = set()
        for name, text in asked:
            if first or name.endswith(":iterate"):
                step = _forward if name.startswith("_include") else _backward
                fresh |= step(county, frontier, text)
        frontier, first = fresh - everything, False
        everything |= frontier
    return everything - set(found)


def _forward(county: County, frontier: set[Key], text: str) -> set[Key]:
    return {
        target
        for key in frontier
        for code, wanted in _followed(key[0], text)
        for target in targets(county, county.resources[key], code)
        if wanted in ("", target[0])
    }


def _backward(county: County, frontier: set[Key], text: str) -> set[Key]:
    return {
        source
        for source, resource in county.resources.items()
        for code, wanted in _followed(source[0], text)
        for target in targets(county, resource, code)
        if target in frontier and wanted in ("", target[0])
    }


def _followed(source_type: str, text: str) -> list[tuple[str, str]]:
    """The reference parameters of the type that an include names, with the target type it wants ("" any)."""
    source, _, rest = text.partition(":")
    code, _, wanted = rest.partition(":")
    if source not in ("*", source_type):
        return []
    table = definitions().search_parameters[source_type]
    every = [
        each.code
        for each in table.values()
        if each.type == "reference" and each.expression and each.code not in BY_CANONICAL
    ]
    return [(each, wanted) for each in (every if code in ("", "*") else [code])]
