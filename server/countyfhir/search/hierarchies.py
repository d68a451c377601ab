"""Parts and wholes: references between resources of one type that form strict hierarchies, for ``:below`` and
``:above`` (R4 section 3.1.1.4.13)."""

from __future__ import annotations

from collections.abc import Mapping

PART_OF: Mapping[str, str] = {
    "CarePlan": "part-of",
    "DeviceDefinition": "parent",
    "Encounter": "part-of",
    "Location": "partof",
    "Organization": "partof",
    "ResearchStudy": "partof",
    "Specimen": "parent",
    "Task": "part-of",
}
"""Resource type -> the reference parameter that leads from a part to its whole."""
