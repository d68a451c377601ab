"""Concept maps, asked in both directions (R4 section 4.10 and ConceptMap/$translate)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

UNRELATED = frozenset({"unmatched", "disjoint"})
"""Equivalences that are no translation."""
_TURNED = {"wider": "narrower", "narrower": "wider", "subsumes": "specializes", "specializes": "subsumes"}
_MOST_MAPS = 5
"""Maps that hand over to each other."""


@dataclass(frozen=True, slots=True)
class Match:
    """One translation: its equivalence as seen from what was asked, the coding, what else must hold (``product``) and
    the map that says so."""

    equivalence: str
    coding: Mapping[str, Any]
    source: str
    products: tuple[Mapping[str, Any], ...] = ()
    comment: str | None = None


@dataclass(slots=True)
class Group:
    """One group of a map, by code in both directions."""

    source: str
    target: str
    source_version: str | None
    target_version: str | None
    forward: dict[str, list[Mapping[str, Any]]]
    unmapped: Mapping[str, Any] | None
    backward: dict[str, list[tuple[str, Mapping[str, Any], str | None]]] = field(default_factory=dict)


@dataclass(slots=True)
class ConceptMap:
    """A concept map ready to be asked."""

    url: str
    version: str
    resource: Mapping[str, Any]
    groups: list[Group]

    @property
    def canonical(self) -> str:
        """``url|version``."""
        return f"{self.url}|{self.version}" if self.version else self.url

    def scope(self, side: str) -> str | None:
        """The value set it maps from (``source``) or to (``target``)."""
        found = self.resource.get(f"{side}Canonical") or self.resource.get(f"{side}Uri")
        return str(found).partition("|")[0] if found else None


def concept_map(resource: Mapping[str, Any]) -> ConceptMap:
    """The map in a ConceptMap resource."""
    groups = [_group(one) for one in resource.get("group", ())]
    return ConceptMap(str(resource.get("url", "")), str(resource.get("version", "")), resource, groups)


def _group(group: Mapping[str, Any]) -> Group:
    source, _, source_version = str(group.get("source", "")).partition("|")
    target, _, target_version = str(group.get("target", "")).partition("|")
    made = Group(
        source,
        target,
        group.get("sourceVersion") or source_version or None,
        group.get("targetVersion") or target_version or None,
        {},
        group.get("unmapped"),
    )
    for element in group.get("element", ()):
        code = element.get("code")
        if code is None:
            continue
        made.forward.setdefault(code, []).extend(element.get("target", ()))
        for one in element.get("target", ()):
            if "code" in one:
                made.backward.setdefault(one["code"], []).append((code, one, element.get("display")))
    return made


Dependencies = Mapping[str, str]
"""Property -> code or text, as the caller knows it (``dependency``)."""
Find = Callable[[str], ConceptMap | None]


def translated(
    asked: ConceptMap,
    system: str | None,
    code: str,
    *,
    target: str | None = None,
    reverse: bool = False,
    dependencies: Dependencies | None = None,
    find: Find = lambda _: None,
    depth: int = 0,
) -> list[Match]:
    """What a map says of a code. ``system`` None: any; ``target`` only to that code system; ``reverse``: which codes
    are mapped to it. ``find`` leads to the maps that a group hands over to."""
    known = dependencies or {}
    if reverse:
        return [one for group in asked.groups for one in _backward(asked, group, system, code, target, known)]
    found: list[Match] = []
    for group in asked.groups:
        if system is not None and group.source not in ("", system):
            continue
        if target is not None and group.target not in ("", target):
            continue
        if code in group.forward:
            found += _forward(asked, group, code, known)
        elif group.unmapped is not None:
            found += _unmapped(asked, group, system, code, target, known, find, depth)
    return found


def _forward(asked: ConceptMap, group: Group, code: str, known: Dependencies) -> Iterable[Match]:
    for one in group.forward[code]:
        if not _holds(one, known):
            continue
        coding = _coding(group.target, group.target_version, one.get("code"), one.get("display"))
        products = tuple(one.get("product", ()))
        yield Match(str(one.get("equivalence", "relatedto")), coding, asked.canonical, products, one.get("comment"))


def _backward(
    asked: ConceptMap, group: Group, system: str | None, code: str, target: str | None, known: Dependencies
) -> Iterable[Match]:
    if (system is not None and group.target not in ("", system)) or (target is not None and group.source != target):
        return
    for source, one, display in group.backward.get(code, ()):
        equivalence = str(one.get("equivalence", "relatedto"))
        coding = _coding(group.source, group.source_version, source, display)
        yield Match(_TURNED.get(equivalence, equivalence), coding, asked.canonical, tuple(one.get("dependsOn", ())))


def _coding(system: str, version: str | None, code: Any, display: Any) -> dict[str, Any]:
    parts = {"system": system or None, "version": version, "code": code, "display": display}
    return {name: value for name, value in parts.items() if value is not None}


def _holds(target: Mapping[str, Any], known: Dependencies) -> bool:
    """Whether what the target depends on is as the caller says."""
    return all(known.get(str(one.get("property"))) == str(one.get("value")) for one in target.get("dependsOn", ()))


def _unmapped(
    asked: ConceptMap,
    group: Group,
    system: str | None,
    code: str,
    target: str | None,
    known: Dependencies,
    find: Find,
    depth: int,
) -> list[Match]:
    """What the group says of codes that it does not list."""
    rule = group.unmapped or {}
    mode = rule.get("mode")
    if mode == "provided":
        return [Match("equal", _coding(group.target, group.target_version, code, None), asked.canonical)]
    if mode == "fixed":
        coding = _coding(group.target, group.target_version, rule.get("code"), rule.get("display"))
        return [Match("relatedto", coding, asked.canonical)]
    other = find(str(rule.get("url", ""))) if mode == "other-map" and depth < _MOST_MAPS else None
    if other is None:
        return []
    return translated(other, system, code, target=target, dependencies=known, find=find, depth=depth + 1)
