"""What becomes of an element's definition when a profile says something about it (R4 ElementDefinition)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from countyfhir.validation.profiles.element_tree import Definition

CONTINUED = "..."
"""Text of a differential that begins so is added to that of its parent instead of replacing it."""


def merged(inherited: Definition, stated: Definition, source: str) -> Definition:
    """The inherited definition with what is stated; ``source`` is the canonical of the profile that states it."""
    result = dict(inherited)
    for key, value in stated.items():
        result[key] = MERGES.get(key, replaced)(inherited.get(key), value)
    drop_rivals(inherited, stated, result)
    if "constraint" in stated:
        new = {one.get("key") for one in stated["constraint"]}
        result["constraint"] = [
            one if "source" in one or one.get("key") not in new else {**one, "source": source}
            for one in result["constraint"]
        ]
    return result


def replaced(inherited: Any, stated: Any) -> Any:
    """What is stated last holds."""
    return stated


def continued(inherited: str | None, stated: str) -> str:
    """A text, which may go on from that of the parent."""
    if inherited and stated.startswith(CONTINUED):
        return f"{inherited}\r\n{stated.removeprefix(CONTINUED)}"
    return stated


def by_key(*names: str) -> Callable[[list[Any] | None, list[Any]], list[Any]]:
    """Lists that grow; an entry whose ``names`` agree with an inherited one takes its place."""

    def of(entry: Any) -> Any:
        return tuple(entry.get(name) for name in names) if names and isinstance(entry, dict) else entry

    def grown(inherited: list[Any] | None, stated: list[Any]) -> list[Any]:
        result = list(inherited or ())
        for entry in stated:
            position = next((at for at, one in enumerate(result) if of(one) == of(entry)), None)
            if position is None:
                result.append(entry)
            else:
                result[position] = entry
        return result

    return grown


def bound(inherited: dict[str, Any] | None, stated: dict[str, Any]) -> dict[str, Any]:
    """A binding; one that names no value set keeps the inherited one, an extension of the parent's is not kept."""
    kept = {key: value for key, value in (inherited or {}).items() if key in ("valueSet", "strength")}
    return kept | stated


def typed(inherited: list[dict[str, Any]] | None, stated: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Types; one stated without code means that of the parent where there is only one."""
    codes = {one.get("code") for one in inherited or ()}
    if len(codes) != 1:
        return stated
    return [{"code": next(iter(codes))} | one for one in stated]


MERGES: dict[str, Callable[[Any, Any], Any]] = {
    "definition": continued,
    "comment": continued,
    "requirements": continued,
    "alias": by_key(),
    "condition": by_key(),
    "code": by_key("system", "code"),
    "mapping": by_key("identity", "map"),
    "example": by_key("label"),
    "constraint": by_key("key"),
    "extension": by_key("url"),
    "binding": bound,
    "type": typed,
}
"""Property -> how it is merged; what is not here is replaced."""


def drop_rivals(inherited: Definition, stated: Definition, result: Definition) -> None:
    """Of a choice (fixed[x] …) only one type can stand: what is stated takes the place of one of another type."""
    for group in ("fixed", "pattern", "minValue", "maxValue", "defaultValue"):
        new = [key for key in stated if key.lstrip("_").startswith(group)]
        for key in inherited:
            if new and key.lstrip("_").startswith(group) and key not in stated:
                result.pop(key, None)
