"""The TerminologyCapabilities: which code systems are known here, in which versions, and what can be asked of them (R4
section 4.13; GET metadata?mode=terminology)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.interactions.world import World
from countyfhir.terminology import contents, rules
from countyfhir.terminology.contents import Content

EXPANSION_PARAMETERS = (
    *("activeOnly", "check-system-version", "context", "count", "date", "designation", "displayLanguage"),
    *("exclude-system", "excludeNested", "excludeNotForUI", "excludePostCoordinated", "filter"),
    *("force-system-version", "includeDefinition", "includeDesignations", "offset", "property", "system-version"),
    *("tx-resource", "url", "useSupplement", "valueSet", "valueSetVersion"),
)


def terminology_capabilities(base: str, world: World) -> Resource:
    """The statement, of what is known at this moment."""
    terminology = world.terminology
    terminology.prepare()
    return {
        "resourceType": "TerminologyCapabilities",
        "url": f"{base}/metadata?mode=terminology",
        "version": world.version,
        "name": "CountyFHIRTerminology",
        "title": "CountyFHIR 术语服务 terminology service",
        "status": "active",
        "date": world.started,
        "publisher": "CountyFHIR",
        "description": "Code systems, value sets and concept maps of the county and of FHIR R4.",
        "kind": "instance",
        "software": {"name": "CountyFHIR", "version": world.version},
        "implementation": {"description": "CountyFHIR", "url": base},
        "lockedDate": False,
        "codeSystem": _code_systems(contents.all_of(terminology.database, "CodeSystem")),
        "expansion": {
            "hierarchical": True,
            "paging": True,
            "incomplete": False,
            "parameter": [{"name": name} for name in EXPANSION_PARAMETERS],
            "textFilter": "Every word of the filter must occur in the code, the display or a designation, the last"
            " one at least as its beginning; Chinese anywhere, or by the pinyin initials of its first characters.",
        },
        "codeSearch": "all",
        "validateCode": {"translations": True},
        "translation": {"needsMap": False},
        "closure": {"translation": False},
    }


def _code_systems(known: Iterable[Content]) -> list[dict[str, Any]]:
    """Each code system with its versions; those that are rules first."""
    versions: dict[str, list[Content]] = {url: [] for url in rules.URLS}
    for one in known:
        if one.mode not in ("not-present", "supplement"):
            versions.setdefault(one.url, []).append(one)
    return [_code_system(url, found) for url, found in versions.items()]


def _code_system(url: str, found: list[Content]) -> dict[str, Any]:
    stated: dict[str, Any] = {"uri": url, "subsumption": url not in rules.URLS}
    listed = [{"code": one.version} for one in found if one.version]
    if listed:
        stated["version"] = listed
    return stated
