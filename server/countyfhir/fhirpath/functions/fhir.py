"""The functions FHIR adds: extension, hasValue, resolve, memberOf, htmlChecks … (FHIR R4 section 2.26.3)."""

from __future__ import annotations

from typing import Any

from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.functions.table import BOOLEAN, Function, single, single_string
from countyfhir.fhirpath.item import EMPTY, Node, Nodes, boolean
from countyfhir.fhirpath.narrative import problems
from countyfhir.fhirpath.schema import TYPE_INFO, definition_of, is_a, is_primitive
from countyfhir.fhirpath.scope import Scope
from countyfhir.fhirpath.step import stepper
from countyfhir.model.definitions import definitions

_extensions = stepper("extension")
_BASE_PROFILE = "http://hl7.org/fhir/StructureDefinition/"


def _extension(scope: Scope, nodes: Nodes, url: Nodes) -> Nodes:
    wanted = single_string(url, "The url of extension()")
    return [node for node in _extensions(scope, nodes) if isinstance(node[0], dict) and node[0].get("url") == wanted]


def _has_value(scope: Scope, nodes: Nodes) -> Nodes:
    return boolean(len(nodes) == 1 and nodes[0][0] is not None and not isinstance(nodes[0][0], dict))


def _get_value(scope: Scope, nodes: Nodes) -> Nodes:
    if len(nodes) != 1 or nodes[0][0] is None or isinstance(nodes[0][0], dict):
        return EMPTY
    value, type_name = nodes[0][0], nodes[0][1]
    return [(value, _SYSTEM.get(type_name, "System.String") if is_primitive(type_name) else type_name, None)]


_SYSTEM = {
    "boolean": "System.Boolean",
    "integer": "System.Integer",
    "positiveInt": "System.Integer",
    "unsignedInt": "System.Integer",
    "decimal": "System.Decimal",
    "date": "System.Date",
    "dateTime": "System.DateTime",
    "instant": "System.DateTime",
    "time": "System.Time",
}


def reference_text(node: Node) -> str | None:
    """The literal url of a Reference, canonical or uri node."""
    value = node[0].get("reference") if isinstance(node[0], dict) else node[0]
    return value if isinstance(value, str) else None


def _resolve(scope: Scope, nodes: Nodes) -> Nodes:
    return [found for node in nodes for found in resolved(scope, node)]


def resolved(scope: Scope, node: Node) -> Nodes:
    """The resource a reference leads to: contained, or by the given function; empty when it is not known."""
    url = reference_text(node)
    if url is None:
        return EMPTY
    found = _contained(scope, url[1:]) if url.startswith("#") else scope.given.resolve and scope.given.resolve(url)
    return [(found, found.get("resourceType", "Resource"), None)] if found else EMPTY


def _contained(scope: Scope, logical_id: str) -> dict[str, Any] | None:
    holder = (scope.root() or (None,))[0]
    if not isinstance(holder, dict):
        return None
    if not logical_id:
        return holder
    return next((one for one in holder.get("contained", ()) if one.get("id") == logical_id), None)


def _member_of(scope: Scope, nodes: Nodes, value_set: Nodes) -> Nodes:
    node, url = single(nodes), single_string(value_set, "The value set of memberOf()")
    if node is None or url is None:
        return EMPTY
    if scope.given.member_of is not None:
        return boolean(scope.given.member_of(node[0], node[1], url))
    codes = definitions().value_set_codes(url)
    if codes is None:
        raise FhirPathError("memberOf() needs a terminology for this value set, and none was given")
    return boolean(any(code in codes for code in _codes(node)))


def _codes(node: Node) -> list[str]:
    if not isinstance(node[0], dict):
        return [str(node[0])]
    codings = node[0].get("coding", [node[0]])
    return [coding["code"] for coding in codings if "code" in coding]


def _subsumes(scope: Scope, nodes: Nodes, other: Nodes) -> Nodes:
    ours, theirs = single(nodes), single(other, "The argument of subsumes()")
    if ours is None or theirs is None:
        return EMPTY
    if scope.given.subsumes is None:
        raise FhirPathError("subsumes() needs a terminology, and none was given")
    return boolean(scope.given.subsumes(ours[0], theirs[0]))


def _subsumed_by(scope: Scope, nodes: Nodes, other: Nodes) -> Nodes:
    return _subsumes(scope, other, nodes)


def _conforms_to(scope: Scope, nodes: Nodes, profile: Nodes) -> Nodes:
    node, url = single(nodes), single_string(profile, "The profile of conformsTo()")
    if node is None or url is None:
        return EMPTY
    name = url.removeprefix(_BASE_PROFILE)
    if name != url and definition_of(name) is not None:
        return boolean(is_a(node[1], name))
    if scope.given.conforms_to is None:
        raise FhirPathError("conformsTo() does not know this profile")
    return boolean(scope.given.conforms_to(node[0], url))


def _html_checks(scope: Scope, nodes: Nodes) -> Nodes:
    text = single_string(nodes)
    return EMPTY if text is None else boolean(not problems(text))


def _check_modifiers(scope: Scope, nodes: Nodes, *urls: Nodes) -> Nodes:
    """The input, unless it has a modifier extension that the caller does not name: then FhirPathError."""
    known = {single_string(url, "A url of checkModifiers()") for url in urls}
    for node in nodes:
        extensions = node[0].get("modifierExtension", ()) if isinstance(node[0], dict) else ()
        if any(extension.get("url") not in known for extension in extensions):
            raise FhirPathError("The input has a modifier extension that the expression does not name")
    return nodes


def _type(scope: Scope, nodes: Nodes) -> Nodes:
    result: Nodes = []
    for node in nodes:
        system = node[1].startswith("System.")
        name = node[1].removeprefix("System.")
        result.append(({"namespace": "System" if system else "FHIR", "name": name}, TYPE_INFO, None))
    return result


FUNCTIONS: dict[str, Function] = {
    "extension": Function(_extension, 1, 1, result="Extension"),
    "hasValue": Function(_has_value, result=BOOLEAN),
    "getValue": Function(_get_value),
    "resolve": Function(_resolve),
    "memberOf": Function(_member_of, 1, 1, result=BOOLEAN),
    "subsumes": Function(_subsumes, 1, 1, result=BOOLEAN),
    "subsumedBy": Function(_subsumed_by, 1, 1, result=BOOLEAN),
    "conformsTo": Function(_conforms_to, 1, 1, result=BOOLEAN),
    "checkModifiers": Function(_check_modifiers, 1, 20, result="input"),
    "htmlChecks": Function(_html_checks, result=BOOLEAN),
    "type": Function(_type, result=TYPE_INFO),
}
