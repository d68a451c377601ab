"""A resource of an institution that speaks FHIR itself, taken over as it is but for what a mapping says otherwise: its
ids and references become those that follow from source, type and natural key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from countyfhir.mapping.stable_id import stable_id
from countyfhir.mapping.syntax import ExpressionError

RELATIVE = re.compile(r"^(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?$")
REFERRING = frozenset({"reference", "url"})
"""Members that lead to a resource: of References, and of Attachments (Binary/…)."""
OWN_META = frozenset({"versionId", "lastUpdated", "source"})
"""What the sending server says about its own copy."""


def taking_over(source: str, words: Mapping[str, Any]) -> Callable[[Any], dict[str, Any]]:
    """Makes content of a resource: ``words`` are the URIs that stand for others here, wherever they stand (systems,
    extensions, profiles). ExpressionError for what is no URI."""
    for word in words:
        if ":" not in word:
            raise ExpressionError(f"'instead of' replaces URIs; '{word}' is none: state the element beside 'all of'")

    def said(node: Any, name: str = "") -> Any:
        if isinstance(node, dict):
            return {each: said(part, each) for each, part in node.items()}
        if isinstance(node, list):
            return [said(one, name) for one in node]
        if not isinstance(node, str):
            return node
        match = RELATIVE.match(node) if name in REFERRING else None
        if match:
            return f"{match['type']}/{stable_id(source, match['type'], match['id'])}"
        return words.get(node, node)

    def content(resource: Any) -> dict[str, Any]:
        if not isinstance(resource, dict):
            return {}
        made = {name: said(part, name) for name, part in resource.items() if name not in ("resourceType", "id", "meta")}
        meta = {name: said(part, name) for name, part in (resource.get("meta") or {}).items() if name not in OWN_META}
        return ({"meta": meta} if meta else {}) | made

    return content
