"""References that lead to another entry of the same Bundle (R4 section 2.36.4, resolving references in Bundles)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

Resolve = Callable[[str], "dict[str, Any] | None"]


def resolver(resource: dict[str, Any], beyond: Resolve) -> Resolve:
    """What a reference in ``resource`` leads to: of a Bundle its entries by full URL, or by type and id where that
    means one of them; what is not inside is asked of ``beyond``."""
    if resource.get("resourceType") != "Bundle":
        return beyond

    @cache
    def entries() -> dict[str, dict[str, Any]]:
        listed = resource.get("entry")
        found: dict[str, dict[str, Any]] = {}
        for entry in listed if isinstance(listed, list) else ():
            one = entry.get("resource") if isinstance(entry, dict) else None
            if isinstance(one, dict):
                found.setdefault(f"{one.get('resourceType')}/{one.get('id')}", one)
                found.setdefault(str(entry.get("fullUrl")), one)
        return found

    def resolve(url: str) -> dict[str, Any] | None:
        return entries().get(url) or beyond(url)

    return resolve
