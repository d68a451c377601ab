"""References inside a resource: found, and rewritten for a transaction (R4 section 3.1.0.11.2).

The walks know from the definitions what is a reference, a link (uri, url, oid, uuid) or a narrative; canonicals and
plain strings are never touched. A Bundle inside is left as it is: its entries resolve among themselves, and it may be
signed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from html import escape, unescape
from operator import is_not
from typing import Any, NamedTuple

from countyfhir.exchange import Resource
from countyfhir.model import json
from countyfhir.model.definitions import ElementDefinition, definitions

REFERENCE, LINK, NARRATIVE, OBJECT, RESOURCE = range(5)
LINK_TYPES = frozenset({"uri", "url", "oid", "uuid"})
OWN_SCOPE = frozenset({"Bundle.entry"})
"""Types whose content is not looked into."""

ANY_VERSION = "/_history/"
"""Ends the keys of a mapping that stand for every version of what they name."""

Change = Callable[[str], str]
Found = tuple[str, str]
"""The FHIRPath of a Reference and what its ``reference`` says."""

_CONDITIONAL = re.compile(r"[A-Z][A-Za-z]*\?.+", re.DOTALL)
_MAY_BE_CONDITIONAL = re.compile(rb'"[A-Z][A-Za-z]*\?').search
_NARRATIVE_LINK = re.compile(r"""(\s(?:href|src)\s*=\s*)("[^"]*"|'[^']*')""")


class Step(NamedTuple):
    """What may stand under a JSON property, where it matters here."""

    kind: int
    name: str  # as FHIRPath has it
    type_name: str


@cache
def _steps(type_name: str) -> dict[str, Step]:
    """The properties of a type that are, or may hold, references and links."""
    definition = definitions().types.get(type_name)
    steps: dict[str, Step] = {}
    for key, element in definition.elements.items() if definition else ():
        kind = _kind(type_name, element)
        name = element.choice or key
        if kind is not None:
            steps[key] = Step(kind, name, element.type_name)
        if element.is_primitive and not element.xml_attribute:
            steps["_" + key] = Step(OBJECT, name, element.type_name)
    return steps


def _kind(type_name: str, element: ElementDefinition) -> int | None:
    if type_name == "Reference" and element.name == "reference":
        return REFERENCE
    if element.type_name == "xhtml":
        return NARRATIVE
    if element.is_primitive:
        return LINK if element.type_name in LINK_TYPES else None
    if element.type_name in OWN_SCOPE:
        return None
    return RESOURCE if definitions().types[element.type_name].kind == "resource" else OBJECT


def rewrite(resource: Resource, mapping: Mapping[str, str]) -> Resource:
    """The resource with every reference and link that is a key of ``mapping`` replaced by its value.

    Replaced are Reference.reference (a ``#fragment`` is kept), elements of type uri, url, oid and uuid, also in
    extensions and contained resources, and ``href`` and ``src`` in narratives. The input stays as it is; what did not
    change is shared with it.
    """
    replace = partial(_replaced, mapping)
    changes: dict[int, Change] = {
        REFERENCE: replace,
        LINK: replace,
        NARRATIVE: partial(_relinked_narrative, mapping),
    }
    return _changed_object(resource, str(resource.get("resourceType")), changes)


def replace_conditional(resource: Resource, targets: Mapping[str, str]) -> Resource:
    """The resource with every conditional reference that is a key of ``targets`` replaced by ``Type/id``."""
    changes: dict[int, Change] = {REFERENCE: lambda reference: targets.get(reference, reference)}
    return _changed_object(resource, str(resource.get("resourceType")), changes)


def _replaced(mapping: Mapping[str, str], link: str) -> str:
    if link in mapping:
        return mapping[link]
    if "/_history/" in link:
        return mapping.get(link.partition("/_history/")[0] + ANY_VERSION, link)
    if "#" not in link:
        return link
    whole, mark, fragment = link.partition("#")
    return mapping[whole] + mark + fragment if whole in mapping else link


def _relinked_narrative(mapping: Mapping[str, str], div: str) -> str:
    after = _NARRATIVE_LINK.sub(partial(_relinked, mapping), div) if "href" in div or "src" in div else div
    return div if after == div else after


def _relinked(mapping: Mapping[str, str], attribute: re.Match[str]) -> str:
    quoted = attribute.group(2)
    link = unescape(quoted[1:-1])
    target = _replaced(mapping, link)
    return attribute.group() if target == link else f"{attribute.group(1)}{quoted[0]}{escape(target)}{quoted[0]}"


def _changed_object(value: dict[str, Any], type_name: str, changes: Mapping[int, Change]) -> dict[str, Any]:
    """``value`` itself, or a copy with what changed in it."""
    steps = _steps(type_name)
    changed: dict[str, Any] | None = None
    for key, item in value.items():
        if key not in steps:
            continue
        after = _changed(item, steps[key], changes)
        if after is not item:
            changed = changed or {**value}
            changed[key] = after
    return changed or value


def _changed(item: Any, step: Step, changes: Mapping[int, Change]) -> Any:
    kind = step[0]
    if item.__class__ is str:
        return changes[kind](item) if kind in changes else item
    if item.__class__ is dict:
        if kind == OBJECT:
            return _changed_object(item, step[2], changes)
        return _changed_object(item, str(item.get("resourceType")), changes) if kind == RESOURCE else item
    if item.__class__ is list:
        after = [each if each.__class__ is list else _changed(each, step, changes) for each in item]
        return after if any(map(is_not, after, item)) else item
    return item


def literal(resource: Resource) -> Iterator[Found]:
    """Path and text of every Reference.reference, in the order of the resource; contained and extensions included."""
    type_name = str(resource.get("resourceType"))
    for path, reference in _found(resource, type_name):
        yield f"{type_name}{path}", reference


def conditional(resource: Resource) -> list[Found]:
    """Path and text of every conditional reference (``Patient?identifier=system|value``; R4 section 3.1.0.11.2)."""
    if not _MAY_BE_CONDITIONAL(json.dumps(resource)):  # far quicker than to look at every reference
        return []
    return [found for found in literal(resource) if "?" in found[1] and _CONDITIONAL.fullmatch(found[1])]


def _found(value: dict[str, Any], type_name: str) -> list[Found]:
    """The references below ``value``; paths are put together on the way back, where there is something to show."""
    steps = _steps(type_name)
    found: list[Found] = []
    for key, item in value.items():
        step = steps.get(key)
        if step is None:
            continue
        if step.kind == REFERENCE:
            if item.__class__ is str:
                found.append(("", item))
        elif item.__class__ is dict:
            found += [(f".{step.name}{path}", reference) for path, reference in _below(item, step)]
        elif item.__class__ is list:
            for index, each in enumerate(item):
                if each.__class__ is dict:
                    found += [(f".{step.name}[{index}]{path}", reference) for path, reference in _below(each, step)]
    return found


def _below(item: dict[str, Any], step: Step) -> list[Found]:
    if step.kind == OBJECT:
        return _found(item, step.type_name)
    return _found(item, str(item.get("resourceType"))) if step.kind == RESOURCE else []
