"""Rules for ``meta``: what an update keeps, and the set operations of $meta-add and $meta-delete (R4 section 2.26.3.4;
OperationDefinition Resource-meta-add and Resource-meta-delete)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from countyfhir.exchange import Resource

Meta = dict[str, Any]


def _coding_identity(coding: Any) -> Hashable:
    """System and code identify a tag or label; version and display do not count."""
    return (coding.get("system"), coding.get("code")) if isinstance(coding, dict) else repr(coding)


def _canonical_identity(profile: Any) -> Hashable:
    return profile if isinstance(profile, str) else repr(profile)


SETS: dict[str, Callable[[Any], Hashable]] = {
    "profile": _canonical_identity,
    "security": _coding_identity,
    "tag": _coding_identity,
}
"""The elements of Meta that are sets, with what identifies a member."""
KEPT = ("security", "tag")
"""The sets whose members an update keeps; profiles are claims about the content that was sent, so they are as sent."""


def merged_meta(resource: Resource, current: Resource) -> Resource:
    """``resource`` as it updates ``current``: tags and security labels that were not sent are kept, after those sent.

    Removing one takes $meta-delete or a patch. Neither argument is changed; versionId and lastUpdated are left to the
    store.
    """
    before = current.get("meta")
    sent = resource.get("meta")
    if not isinstance(before, dict) or not isinstance(sent if sent is not None else {}, dict):
        return resource
    meta = added(sent or {}, {name: before[name] for name in KEPT if name in before})
    if not meta or meta == sent:
        return resource
    return _with_meta(resource, meta)


def _with_meta(resource: Resource, meta: Meta) -> Resource:
    if "meta" in resource:
        return {**resource, "meta": meta}
    head: Resource = {key: resource[key] for key in ("resourceType", "id") if key in resource}
    return {**head, "meta": meta, **resource}


def added(meta: Meta, more: Meta) -> Meta:
    """``meta`` with the profiles, security labels and tags of ``more`` that it lacks ($meta-add)."""
    result = dict(meta)
    for name, identity in SETS.items():
        members = _members(meta, name)
        known = {identity(member) for member in members}
        missing = _distinct((member for member in _members(more, name) if identity(member) not in known), identity)
        if missing:
            result[name] = members + missing
    return result


def removed(meta: Meta, less: Meta) -> Meta:
    """``meta`` without the profiles, security labels and tags of ``less`` ($meta-delete)."""
    result = dict(meta)
    for name, identity in SETS.items():
        unwanted = {identity(member) for member in _members(less, name)}
        left = [member for member in _members(meta, name) if identity(member) not in unwanted]
        if left:
            result[name] = left
        else:
            result.pop(name, None)
    return result


def _members(meta: Meta, name: str) -> list[Any]:
    members = meta.get(name)
    return members if isinstance(members, list) else []


def _distinct(members: Iterable[Any], identity: Callable[[Any], Hashable]) -> list[Any]:
    first: dict[Hashable, Any] = {}
    for member in members:
        first.setdefault(identity(member), member)
    return list(first.values())
