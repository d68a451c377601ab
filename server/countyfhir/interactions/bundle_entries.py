"""The entries of a batch or transaction as interactions of their own (R4 section 3.1.0.11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from countyfhir.exchange import Interaction, Preconditions, changed
from countyfhir.interactions.route import route
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError, at_entry

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_TEXTS = ("ifMatch", "ifNoneMatch", "ifNoneExist", "ifModifiedSince")


@dataclass(frozen=True, slots=True)
class BundleEntry:
    """Entry number ``index`` (0-based) of the bundle: what it asks, and the full URL others refer to it by."""

    index: int
    interaction: Interaction
    full_url: str | None


def entries_of(bundle: Interaction, world: World) -> list[Any]:
    """The raw entries; 413 beyond the setting."""
    entries = bundle.body.get("entry", [])
    if not isinstance(entries, list):
        raise FhirError("structure", "Bundle.entry must be an array.", expression="Bundle.entry")
    if len(entries) > world.policy.bundle_max_entries:
        raise FhirError(
            "too-costly",
            f"The bundle has {len(entries)} entries; at most {world.policy.bundle_max_entries} are taken; split it.",
            expression="Bundle.entry",
        )
    return entries


def entry_of(index: int, raw: Any, bundle: Interaction, world: World) -> BundleEntry:
    """One entry as an interaction; FhirError whose expressions start at ``Bundle.entry[index]``."""
    place = f"Bundle.entry[{index}]"
    request = raw.get("request") if isinstance(raw, dict) else None
    if not isinstance(request, dict):
        raise FhirError("required", f"A {bundle.kind} entry needs a request.", expression=f"{place}.request")
    method, url = request.get("method"), request.get("url")
    for name in ("method", *_TEXTS):
        if not isinstance(request.get(name, ""), str):
            raise FhirError("structure", f"request.{name} must be a string.", expression=f"{place}.request.{name}")
    if method is None:
        raise FhirError("required", "request.method is missing.", expression=f"{place}.request.method")
    if method not in _METHODS:
        raise FhirError(
            "value", f"request.method must be one of {', '.join(_METHODS)}.", expression=f"{place}.request.method"
        )
    if not isinstance(url, str):
        raise FhirError("required", "request.url is missing.", expression=f"{place}.request.url")
    full_url = raw.get("fullUrl")
    if full_url is not None and not isinstance(full_url, str):
        raise FhirError("structure", "fullUrl must be a string.", expression=f"{place}.fullUrl")
    try:
        return BundleEntry(index, _asked(method, url, request, raw.get("resource"), bundle, world), full_url)
    except FhirError as error:
        raise at_entry(error, index) from error


def _asked(
    method: str, url: str, request: dict[str, Any], resource: Any, bundle: Interaction, world: World
) -> Interaction:
    path, _, query = _relative(url, bundle.base).partition("?")
    asked = route(method, unquote(path), world.definitions)
    found = changed(
        bundle,
        kind=asked.kind,
        resource_type=asked.resource_type,
        logical_id=asked.logical_id,
        version_id=asked.version_id,
        operation=asked.operation,
        compartment=asked.compartment,
        http_method=method,
        query=tuple(parse_qsl(query, keep_blank_values=True)),
        body=resource,
        content_type="application/fhir+json" if resource is not None else None,
        preconditions=Preconditions(
            request.get("ifMatch"),
            request.get("ifNoneMatch"),
            request.get("ifNoneExist"),
            request.get("ifModifiedSince"),
        ),
    )
    if found.kind in ("batch", "transaction"):
        raise FhirError("not-supported", "A bundle cannot stand inside a bundle.", status=400)
    if (
        method in ("POST", "PUT", "PATCH")
        and found.kind != "operation"
        and not found.kind.startswith("search")
        and resource is None
    ):
        raise FhirError("required", f"A {method} entry needs a resource.", expression="resource")
    return found


def _relative(url: str, base: str) -> str:
    """The url relative to the base; absolute ones must be ours."""
    if url.startswith(base) and url[len(base) :][:1] in ("", "/", "?"):
        return url[len(base) :]
    if "://" in url.partition("?")[0]:
        raise FhirError(
            "not-supported",
            f"request.url must be relative, or start with {base}.",
            expression="request.url",
            status=400,
        )
    return url
