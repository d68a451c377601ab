"""Nobody acts for another organization than the one of the key or token (DESIGN decision 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from countyfhir.outcome import FhirError, Issue

if TYPE_CHECKING:
    from countyfhir.exchange import Principal, Resource

HEADER = b"x-organization"

CLAIMS: dict[str, tuple[str, ...]] = {
    "Provenance": ("agent", "onBehalfOf"),
    "AuditEvent": ("source", "observer"),
}
"""Elements by which a resource says for which organization it was made: list or object, then a Reference."""


def is_bound(principal: Principal) -> bool:
    """Whether the rule applies: the program itself and the local caller may act for every organization."""
    return principal.kind in ("key", "token")


def check_header(principal: Principal, claimed: str | None) -> None:
    """FhirError ``forbidden`` (403) when the header ``X-Organization`` names another organization."""
    if claimed is None or not is_bound(principal):
        return
    if logical_id(claimed.strip()) != principal.organization:
        raise FhirError(
            "forbidden", "X-Organization names another organization than the one this key or token acts for."
        )


def issues_of(resource: Resource, principal: Principal) -> list[Issue]:
    """One issue per element by which a Provenance or AuditEvent claims another organization."""
    resource_type = resource.get("resourceType", "")
    if not isinstance(resource_type, str) or resource_type not in CLAIMS or not is_bound(principal):
        return []
    holder, name = CLAIMS[resource_type]
    parts = resource.get(holder)
    many = isinstance(parts, list)
    listed = parts if isinstance(parts, list) else [parts]
    return [
        Issue(
            "forbidden",
            "This names another organization than the one this key or token acts for.",
            (f"{resource_type}.{holder}{f'[{index}]' if many else ''}.{name}",),
        )
        for index, part in enumerate(listed)
        if isinstance(part, dict) and names_another(part.get(name), principal.organization)
    ]


def names_another(reference: Any, organization: str | None) -> bool:
    """Whether a Reference points to an Organization that is not ours, neither by its id nor by its identifier."""
    if not isinstance(reference, dict):
        return False
    literal, identifier = reference.get("reference"), reference.get("identifier")
    literal = literal if isinstance(literal, str) else ""
    about_organization = "Organization" in (reference.get("type"), *literal.split("/")[-2:-1], *versioned_type(literal))
    if not about_organization:
        return False
    value = identifier.get("value") if isinstance(identifier, dict) else None
    return organization is None or organization not in (logical_id(literal), value)


def versioned_type(literal: str) -> tuple[str, ...]:
    """The type of ``Organization/1/_history/2``."""
    before, history, _ = literal.partition("/_history/")
    return tuple(before.split("/")[-2:-1]) if history else ()


def logical_id(literal: str) -> str:
    """``1`` of ``1``, ``Organization/1``, an absolute url of it, or one with a version."""
    return literal.partition("/_history/")[0].rpartition("/")[2]
