"""Profiles that a resource must conform to: those asked for, and those it claims in ``meta.profile`` (R4 section
5.1.0.1.8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from countyfhir.fhirpath import Given
from countyfhir.fhirpath.schema import steps_by_key
from countyfhir.validation.rules.finding import Around, Finding, Knowledge

BASE = "http://hl7.org/fhir/StructureDefinition/"


def profile_findings(
    resource: dict[str, Any], profiles: tuple[str, ...], claimed: bool, knowledge: Knowledge, given: Given
) -> list[Finding]:
    """What breaks the profiles; an unknown one is a warning where it is claimed, an error where it was asked for."""
    found: list[Finding] = []
    for url in profiles:
        found += _against(url, resource, Around(resource, resource, knowledge, given), "error")
    if claimed:
        for path, one, root in claiming(resource, resource):
            around = Around(one, root, knowledge, given)
            for index, url in enumerate(one["meta"]["profile"]):
                if isinstance(url, str) and not (path == "" and url in profiles):
                    place = f"{path}.meta.profile[{index}]"
                    found += [
                        finding if finding.key == "unknown" else finding._replace(path=path + finding.path)
                        for finding in _against(url, one, around, "warning", place)
                    ]
    return found


def _against(url: str, resource: dict[str, Any], around: Around, severity: str, place: str = "") -> list[Finding]:
    resource_type = str(resource.get("resourceType"))
    plain = url.partition("|")[0]
    if plain in (BASE + resource_type, BASE + "DomainResource", BASE + "Resource"):
        return []
    check = around.knowledge.profile_check(url)
    if check is None:
        text = "This profile is not known here, so the resource was not checked against it."
        return [Finding(place, "not-found", f"{text} Load it or its package.", severity, "unknown")]
    return list(check(resource, around) or ())


def claiming(resource: dict[str, Any], root: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(steps, resource, its container) of the resource and of those in it that claim a profile."""
    meta = resource.get("meta")
    if isinstance(meta, dict) and isinstance(meta.get("profile"), list):
        yield path, resource, root
    yield from _inside(resource, str(resource.get("resourceType")), root, path)


_HOLDERS = {"Bundle": ("entry",), "Bundle.entry": ("resource", "response"), "Bundle.entry.response": ("outcome",)}
_PARAMETERS = {"Parameters": ("parameter",), "Parameters.parameter": ("resource", "part")}


def _inside(value: dict[str, Any], type_name: str, root: dict[str, Any], path: str) -> Iterator[tuple[str, Any, Any]]:
    for key in ("contained", *_HOLDERS.get(type_name, ()), *_PARAMETERS.get(type_name, ())):
        item = value.get(key)
        for index, each in enumerate(item) if isinstance(item, list) else ((None, item),):
            if not isinstance(each, dict):
                continue
            step = f"{path}.{key}" if index is None else f"{path}.{key}[{index}]"
            if "resourceType" in each:
                yield from claiming(each, root if key == "contained" else each, step)
            else:
                child = steps_by_key(type_name).get(key)
                yield from _inside(each, str(child.type_name if child else ""), root, step)
