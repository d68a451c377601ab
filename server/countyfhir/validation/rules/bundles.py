"""Bundles as a whole: full URLs that say who an entry is, and references that must lead to an entry (R4 sections
2.36.4, 3.3.1 documents, 2.4 messages)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from countyfhir.model.definitions import definitions
from countyfhir.validation.rules.finding import Around, Finding

FIRST_REFERENCES = {"document": "Composition", "message": "MessageHeader"}
"""Bundle type -> the resource that stands first, all of whose references must be answered in the bundle."""
_WITH_RESOURCE = ("POST", "PUT", "PATCH")


def bundle_judge(value: dict[str, Any], around: Around) -> list[Finding] | None:
    """What is wrong between the entries of a Bundle; the bdl- invariants say the rest."""
    entries = value.get("entry")
    if not isinstance(entries, list):
        return None
    found: list[Finding] = []
    for index, entry in enumerate(entries):
        if isinstance(entry, dict):
            found += [Finding(f".entry[{index}]{one.path}", *one[1:]) for one in _entry(entry, str(value.get("type")))]
    return (found + list(_unanswered(value, entries))) or None


def _entry(entry: dict[str, Any], bundle_type: str) -> Iterator[Finding]:
    resource, full_url, request = entry.get("resource"), entry.get("fullUrl"), entry.get("request")
    method = request.get("method") if isinstance(request, dict) else None
    if bundle_type in ("batch", "transaction") and method in _WITH_RESOURCE and resource is None:
        yield Finding(".resource", "required", f"An entry with the method {method} needs a resource.")
    if not isinstance(full_url, str):
        return
    if not full_url.startswith(("http://", "https://", "urn:")):
        yield Finding(".fullUrl", "value", "fullUrl must be an absolute URL, or urn:uuid: or urn:oid: and an id.")
    elif (
        full_url.startswith("http") and isinstance(resource, dict) and method != "POST" and _differs(full_url, resource)
    ):
        text = "fullUrl must end with the type and the id of the resource of its entry."
        yield Finding(".fullUrl", "invalid", text, key="fullUrl")


def _differs(full_url: str, resource: dict[str, Any]) -> bool:
    """Whether a full URL that looks RESTful names another resource than its entry has."""
    *_, resource_type, logical_id = ["", "", *full_url.split("/")]
    if resource_type not in definitions().resource_types or "id" not in resource:
        return False
    return (resource_type, logical_id) != (resource.get("resourceType"), resource.get("id"))


def _unanswered(bundle: dict[str, Any], entries: list[Any]) -> Iterator[Finding]:
    """References that the bundle must answer and does not."""
    bundle_type = str(bundle.get("type"))
    names = _names(entries)
    for index, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            continue
        first = index == 0 and resource.get("resourceType") == FIRST_REFERENCES.get(bundle_type)
        for path, reference in references_in(resource):
            if reference.startswith("#") or "?" in reference or _answered(reference, entry.get("fullUrl"), names):
                continue
            place = f".entry[{index}].resource{path}.reference"
            if first and not reference.startswith("http"):
                text = f"A {bundle_type} must hold what its {resource['resourceType']} refers to; no entry has this."
                yield Finding(place, "not-found", text)
            elif reference.startswith(("urn:uuid:", "urn:oid:")):
                severity = "error" if bundle_type == "transaction" else "warning"
                yield Finding(place, "not-found", "No entry of the bundle has this full URL.", severity)


def _names(entries: list[Any]) -> frozenset[str]:
    """Everything that the entries can be called by: full URLs, and type with id."""
    names = set()
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        if isinstance(entry.get("fullUrl"), str):
            names.add(entry["fullUrl"])
        resource = entry.get("resource")
        if isinstance(resource, dict):
            names.add(f"{resource.get('resourceType')}/{resource.get('id')}")
    return frozenset(names)


def _answered(reference: str, full_url: Any, names: frozenset[str]) -> bool:
    plain = reference.partition("#")[0].partition("/_history/")[0]
    if plain in names:
        return True
    base = full_url.rsplit("/", 2)[0] if isinstance(full_url, str) and full_url.startswith("http") else ""
    return f"{base}/{plain}" in names


def references_in(value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Steps and text of every ``reference`` that is a text, contained resources included."""
    for key, item in value.items():
        for index, each in enumerate(item) if isinstance(item, list) else ((None, item),):
            if isinstance(each, dict):
                step = f".{key}" if index is None else f".{key}[{index}]"
                if isinstance(each.get("reference"), str) and "resourceType" not in each:
                    yield step, each["reference"]
                for path, reference in references_in(each):
                    yield step + path, reference
