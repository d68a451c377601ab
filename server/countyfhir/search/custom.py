"""SearchParameter resources that a county defines itself: what they mean, what is wrong with them, the table with them
(R4 SearchParameter; section 3.1.1.2)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from countyfhir.model.compile.parameters import parameter_of
from countyfhir.model.definitions import Definitions, SearchParameter
from countyfhir.outcome import Issue
from countyfhir.search import parameters
from countyfhir.search.elements import readers
from countyfhir.search.extractor import Source, extractor
from countyfhir.search.paths import Path, branches
from countyfhir.search.refusals import shown
from countyfhir.search.walk import Node, grow, leaves

ABSTRACT = ("Resource", "DomainResource")
TYPES = ("number", "date", "string", "token", "reference", "composite", "quantity", "uri")
"""The search types that can be defined; ``special`` ones need code of their own."""
PLAINEST = "Basic"
"""What is defined on every type is checked on this one."""
CODE = re.compile(r"[A-Za-z][A-Za-z0-9_\-]{0,63}\Z")


@dataclass(frozen=True, slots=True)
class Custom:
    """An active SearchParameter of the county, by concrete resource type. ``meaning`` changes when what it finds
    does."""

    logical_id: str
    url: str
    code: str
    by_type: Mapping[str, SearchParameter]
    meaning: str


def is_custom(resource: Mapping[str, Any] | None, known: Definitions) -> bool:
    """Whether the resource defines a parameter of its own: active, and no copy of one of R4."""
    if resource is None or resource.get("status") != "active":
        return False
    return resource.get("url") not in known.search_parameter_urls


def custom(resource: Mapping[str, Any], known: Definitions) -> Custom:
    """The definition of a SearchParameter without issues."""
    by_type = {each: parameter_of(_complete(resource), each) for each in _types(resource, known)}
    told = repr([(name, each.code, each.type, each.expression, each.components) for name, each in by_type.items()])
    told += repr(sorted(resource.get("target", ())))
    meaning = hashlib.sha256(told.encode()).hexdigest()[:16]
    return Custom(str(resource.get("id", "")), resource["url"], resource["code"], by_type, meaning)


def table(customs: Iterable[Custom], waiting: Mapping[str, str], known: Definitions) -> parameters.Table:
    """R4's parameters and these. ``waiting``: url -> the job that must finish before the parameter may be searched."""
    changes: dict[str, dict[str, SearchParameter]] = {}
    not_ready: dict[str, dict[str, str]] = {}
    for one in customs:
        for resource_type, parameter in one.by_type.items():
            changes.setdefault(resource_type, {})[one.code] = parameter
            if one.url in waiting:
                not_ready.setdefault(resource_type, {})[one.code] = waiting[one.url]
    return parameters.table(changes, known, not_ready)


def issues(resource: Mapping[str, Any], others: Iterable[Custom], known: Definitions) -> list[Issue]:
    """Everything that keeps an active SearchParameter from being used beside ``others``; [] when it can be."""
    if resource.get("url") in known.search_parameter_urls:
        return list(_copied(resource, known))
    found = [*_named(resource), *_based(resource, known), *_typed(resource, known)]
    if found:
        return found
    apart = [one for one in others if one.logical_id != resource.get("id")]
    return [*_clashes(resource, apart, known), *_expressed(resource, apart, known)]


def _complete(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {**resource, "component": [one for one in resource.get("component", ()) if "expression" in one]}


def _types(resource: Mapping[str, Any], known: Definitions) -> list[str]:
    """The concrete types of ``base``, sorted."""
    named = set(resource.get("base", ()))
    return sorted(
        one
        for one in known.endpoint_types
        if one in named or any(each in named and known.is_subtype(one, each) for each in ABSTRACT)
    )


def _copied(resource: Mapping[str, Any], known: Definitions) -> Iterator[Issue]:
    """A resource under R4's own url says what R4 says, or is refused: R4's parameters do not change."""
    for resource_type in _types(resource, known):
        own = known.search_parameters.get(resource_type, {}).get(str(resource.get("code")))
        sent = parameter_of(_complete(resource), resource_type)
        if own is None or own.url != resource["url"] or (own.type, own.expression) != (sent.type, sent.expression):
            text = "This url belongs to a search parameter of FHIR R4, which cannot be changed; use a url of your own."
            yield Issue("business-rule", text, ("SearchParameter.url",))
            return


def _named(resource: Mapping[str, Any]) -> Iterator[Issue]:
    if not resource.get("url"):
        yield Issue("required", "An active SearchParameter needs a url.", ("SearchParameter.url",))
    if not CODE.match(str(resource.get("code", ""))):
        text = "The code is what stands in a search URL: a letter, then letters, digits, '-' and '_' (at most 64)."
        yield Issue("value", text, ("SearchParameter.code",))


def _based(resource: Mapping[str, Any], known: Definitions) -> Iterator[Issue]:
    named = resource.get("base") or ()
    if not named:
        yield Issue("required", "base must name at least one resource type.", ("SearchParameter.base",))
    for place, one in enumerate(named):
        if one not in known.endpoint_types and one not in ABSTRACT:
            text = f"{shown(str(one))} is no resource type that can be searched."
            yield Issue("value", text, (f"SearchParameter.base[{place}]",))


def _typed(resource: Mapping[str, Any], known: Definitions) -> Iterator[Issue]:
    search_type = resource.get("type")
    if search_type not in TYPES:
        text = f"A search parameter of type {shown(str(search_type))} cannot be added; possible: {', '.join(TYPES)}."
        yield Issue("not-supported", text, ("SearchParameter.type",))
    if not resource.get("expression"):
        text = "An active SearchParameter needs a FHIRPath expression; there is nothing to index without one."
        yield Issue("required", text, ("SearchParameter.expression",))
    for place, one in enumerate(resource.get("target", ())):
        if one not in known.resource_types:
            text = f"{shown(str(one))} is no resource type."
            yield Issue("value", text, (f"SearchParameter.target[{place}]",))


def _clashes(resource: Mapping[str, Any], others: list[Custom], known: Definitions) -> Iterator[Issue]:
    """A code means one thing on a type, and a url one parameter."""
    code, types = resource["code"], _types(resource, known)
    for one in others:
        if one.url == resource["url"]:
            text = f"SearchParameter/{one.logical_id} defines this url; change that one or retire it."
            yield Issue("duplicate", text, ("SearchParameter.url",))
    taken = [(each, known.search_parameters[each][code].url) for each in types if code in known.search_parameters[each]]
    taken += [(each, one.url) for one in others if one.code == code for each in types if each in one.by_type]
    if taken:
        resource_type, url = taken[0]
        text = f"{resource_type} has a search parameter {code} already: {url}. Choose another code."
        yield Issue("duplicate", text, ("SearchParameter.code",))


def _expressed(resource: Mapping[str, Any], others: list[Custom], known: Definitions) -> Iterator[Issue]:
    """Whether the expression can be read, starts at elements there are, and leads to what the type can index."""
    for resource_type in _types(resource, known):
        if resource_type not in resource["base"] and resource_type != PLAINEST:
            continue
        parameter = parameter_of(_complete(resource), resource_type)
        problem = _unreadable(parameter, resource_type) or _undefined(parameter, others, known)
        if problem is None:
            problem = _unindexable(parameter, resource_type, others, known)
        if problem is not None:
            yield Issue("invalid", problem, ("SearchParameter.expression",))
            return


def _unreadable(parameter: SearchParameter, resource_type: str) -> str | None:
    from countyfhir import fhirpath  # a server starts without the engine

    try:
        fhirpath.compile(parameter.expression, resource_type)
    except fhirpath.FhirPathError as error:
        return f"The expression cannot be used on {resource_type}: {error}."
    return None


def _undefined(parameter: SearchParameter, others: list[Custom], known: Definitions) -> str | None:
    """What is wrong with the components of a composite."""
    if parameter.type != "composite":
        return None
    if len(parameter.components) < 2:
        return "A composite has at least two components, each with a definition and an expression."
    urls = {one.url for one in others} | set(known.search_parameter_urls)
    for definition, expression in parameter.components:
        if definition not in urls:
            return f"The component {shown(definition)} is no search parameter of this server."
        if branches(expression) is None:
            return f"The component expression {shown(expression)} is no plain path."
    return None


def _unindexable(
    parameter: SearchParameter, resource_type: str, others: list[Custom], known: Definitions
) -> str | None:
    """What shows when the parameter is compiled for a type, as extraction will."""
    paths = branches(parameter.expression) or ()
    for path in paths:
        if path.root[:1].isupper() and not known.is_subtype(resource_type, path.root):
            return f"The expression starts at {path.root}, which {resource_type} is not."
        if grow(Node(resource_type), path, known) is None and not _beside_a_primitive(resource_type, path, known):
            return f"On {resource_type} the expression names an element that R4 does not have."
    by_url = known.search_parameter_urls | {one.url: next(iter(one.by_type.values())) for one in others}
    read = readers(UTC, ())
    try:
        extractor(resource_type, [parameter], Source(known, read, lambda url: by_url[url].type))
    except (KeyError, ValueError):
        return f"The expression cannot be indexed on {resource_type}."
    ends = leaves(resource_type, paths, known)
    if parameter.type == "composite" or not ends:
        return None
    if any(end.type_name == "Extension" or (parameter.type, end.reader_name) in read for end in ends):
        return None
    found = ", ".join(sorted({end.type_name for end in ends}))
    return f"On {resource_type} the expression leads to {found}, which a {parameter.type} parameter cannot index."


def _beside_a_primitive(resource_type: str, path: Path, known: Definitions) -> bool:
    """Whether the path goes on to the extensions of a primitive, which the FHIRPath engine follows."""
    for end in range(1, len(path.steps)):
        reached = grow(Node(resource_type), Path(path.steps[:end], path.root), known)
        if reached is None:
            return False
        if any(known.types[node.type_name].kind == "primitive-type" for node in reached):
            return path.steps[end].name == "extension"
    return False
