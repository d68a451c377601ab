"""Whether an interaction is granted: the letters each needs (SMART App Launch 2.2, "Scopes for requesting FHIR
Resources": r is read, vread and the history of an instance; s is search and the history of a type or the system;
u is update and patch, also an update that creates)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from countyfhir.access import operations, organization
from countyfhir.access.grants import ScopedGrant, for_letter
from countyfhir.outcome import FhirError, at_entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from countyfhir.exchange import Grant, Interaction

LETTER_OF: Mapping[str, str] = {
    "read": "r",
    "vread": "r",
    "history-instance": "r",
    "create": "c",
    "update": "u",
    "patch": "u",
    "delete": "d",
    "search-type": "s",
    "search-compartment": "s",
    "search-system": "s",
    "history-type": "s",
    "history-system": "s",
}
OPEN = frozenset({"capabilities", "batch", "transaction"})
"""Granted to every caller; the entries of a bundle are checked one by one."""
CHANGES = frozenset({"update", "patch", "delete"})

SERVERS_OWN = re.compile(r"countyfhir-[0-9]+")
"""Logical ids of the AuditEvents that the server records itself; nobody changes them."""

VERBS = {"c": "create", "r": "read", "u": "change", "d": "delete", "s": "search"}


def check(interaction: Interaction, grant: Grant, needs: Mapping[str, operations.Need] | None = None) -> Grant:
    """The grant as it is narrowed for this interaction, to go on with. FhirError ``forbidden`` (403) when the
    interaction is not granted, 405 for a change of a recorded AuditEvent. ``needs`` are the entries that operations
    bring themselves."""
    kind = interaction.kind
    letter = LETTER_OF.get(kind)
    resource_type = interaction.resource_type
    if letter is None:
        return check_other(interaction, grant, needs or {})
    if letter in "cud":
        check_write(interaction, grant)
    if resource_type is not None:
        if not grant.may(letter, resource_type):
            raise not_granted(letter, resource_type, grant)
    elif kind == "history-system":
        check_any(letter, grant)
    else:
        for name in named_types(interaction):
            require(letter, name, grant)
    return for_letter(grant, letter)


def check_other(interaction: Interaction, grant: Grant, needs: Mapping[str, operations.Need]) -> Grant:
    """Operations by their table; capabilities and bundles are open; an unknown kind is refused."""
    if interaction.kind in OPEN:
        return grant
    if interaction.kind != "operation" or interaction.operation is None:
        raise FhirError("forbidden", f"The interaction {interaction.kind} is not granted.")
    on_instance = interaction.logical_id is not None
    own = needs.get(interaction.operation)
    needed = operations.needed(interaction.operation, interaction.resource_type, on_instance, own)
    for resource_type, letter in needed:
        require(letter, resource_type, grant)
    return for_letter(grant, needed[0][1]) if needed else grant


def check_write(interaction: Interaction, grant: Grant) -> None:
    """What holds for writes besides their letter: recorded AuditEvents do not change, criteria need the right to
    search, and nobody writes in the name of another organization."""
    resource_type, kind = interaction.resource_type, interaction.kind
    if resource_type == "AuditEvent" and SERVERS_OWN.fullmatch(interaction.logical_id or ""):
        text = "This AuditEvent was recorded by the server and does not change."
        raise FhirError("not-supported", text, status=405, headers={"Allow": "GET, HEAD"})
    conditional = interaction.preconditions.if_none_exist or (kind in CHANGES and interaction.logical_id is None)
    if conditional and resource_type is not None:
        require("s", resource_type, grant)
    if isinstance(interaction.body, dict):
        check_claims(interaction)


def check_claims(interaction: Interaction) -> None:
    """FhirError ``forbidden`` (403) when the body names another organization as the one it was made for."""
    issues = organization.issues_of(interaction.body, interaction.principal)
    if issues:
        raise FhirError(issues)


def check_any(letter: str, grant: Grant) -> None:
    """403 unless the letter is granted on some type; the door asks ``granted_types`` for which."""
    if not any(letter in letters for letters in grant.permissions.values()):
        raise not_granted(letter, "*", grant)


def named_types(interaction: Interaction) -> list[str]:
    """The types that a search without a type in its path names by ``_type``; ``*`` when it names none."""
    listed = [name for key, value in interaction.query if key == "_type" for name in value.split(",") if name]
    return listed or ["*"]


def granted_types(grant: Grant, letter: str) -> frozenset[str] | None:
    """The types on which the letter is granted, for the history of the system; None: all."""
    if letter in grant.permissions.get("*", ()):
        return None
    return frozenset(name for name, letters in grant.permissions.items() if letter in letters)


def require(letter: str, resource_type: str, grant: Grant) -> None:
    """FhirError ``forbidden`` (403) unless the letter is granted on the type (``*``: on every type)."""
    if not grant.may(letter, resource_type):
        raise not_granted(letter, resource_type, grant)


def may_include(grant: Grant, resource_type: str) -> bool:
    """Whether resources of the type may come along by ``_include``, ``_revinclude`` or an operation."""
    return grant.may("r", resource_type) or grant.may("s", resource_type)


def refusals(entries: Iterable[Interaction], grant: Grant) -> dict[int, FhirError]:
    """The entries of a bundle that are not granted, by position: a batch answers each with its error, a transaction is
    refused as a whole. The expression of each issue names the entry."""
    refused = {}
    for index, entry in enumerate(entries):
        try:
            check(entry, grant)
        except FhirError as error:
            refused[index] = at_entry(error, index)
    return refused


def not_granted(letter: str, resource_type: str, grant: Grant) -> FhirError:
    """The refusal: what is missing, and which scopes were not understood."""
    kinds = "resources of every type" if resource_type == "*" else resource_type
    text = f"The granted scopes do not allow to {VERBS[letter]} {kinds}: system/{resource_type}.{letter} is missing"
    if resource_type == "*" and letter == "s":
        text += " (or name the granted types in _type)"
    ignored = grant.ignored if isinstance(grant, ScopedGrant) else ()
    if ignored:
        text += f"; {len(ignored)} of the scopes could not be understood or applied"
    return FhirError("forbidden", text + ".")
