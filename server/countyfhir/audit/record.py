"""An interaction and how it ended -> AuditRecord (R4 AuditEvent; IHE BALP "RESTful activities")."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import urlencode

from countyfhir.exchange import AuditRecord, Interaction

ACTION_OF: Mapping[str, str] = {
    "create": "C",
    "read": "R",
    "vread": "R",
    "history-instance": "R",
    "history-type": "R",
    "history-system": "R",
    "capabilities": "R",
    "update": "U",
    "patch": "U",
    "delete": "D",
}
"""AuditEvent.action by interaction; searches, operations and bundles are E, execute."""

SEARCHES = frozenset({"search-type", "search-system", "search-compartment"})
LONGEST_QUERY = 8192  # characters kept of a search
PATIENT_REFERENCE = re.compile(r"(?:.*/)?Patient/([A-Za-z0-9.-]{1,64})")
LOGICAL_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


def record_of(
    interaction: Interaction,
    recorded: int,
    status: int,
    resource_type: str | None = None,
    logical_id: str | None = None,
    patients: Collection[str] = (),
    version_id: str | None = None,
) -> AuditRecord:
    """The record of an interaction that was answered with the HTTP ``status`` at ``recorded`` (microseconds since
    1970).

    ``patients`` are those whose data was shown or changed; type, id and version are what a write touched, where the
    interaction does not say it.
    """
    kind = interaction.kind
    resource_type, logical_id = resource_type or interaction.resource_type, logical_id or interaction.logical_id
    principal = interaction.principal
    return AuditRecord(
        recorded=recorded,
        interaction=kind,
        action="C" if kind == "update" and status == 201 else ACTION_OF.get(kind, "E"),
        outcome=outcome_of(status),
        principal=principal.name,
        organization=principal.organization,
        resource_type=resource_type,
        logical_id=logical_id,
        version_id=version_id or interaction.version_id,
        patients=patients_of(interaction, patients, logical_id if resource_type == "Patient" else None),
        query=query_of(interaction),
        client=interaction.client,
        request_id=interaction.request_id,
        purpose=interaction.purpose,
        status=status,
    )


def outcome_of(status: int) -> str:
    """AuditEvent.outcome: 0 success, 4 the caller's mistake or a refusal, 8 ours."""
    return "0" if status < 400 else "4" if status < 500 else "8"


def patients_of(interaction: Interaction, shown: Collection[str], own: str | None) -> tuple[str, ...]:
    """The patients concerned: those shown, the Patient itself (``own``), the compartment, and those a search asks for
    by reference, found or not."""
    if interaction.compartment is None and not interaction.query and (own is None or own in shown):
        return tuple(dict.fromkeys(shown))
    listed = dict.fromkeys(shown)
    if own is not None:
        listed[own] = None
    if interaction.compartment is not None and interaction.compartment[0] == "Patient":
        listed[interaction.compartment[1]] = None
    for name, value in interaction.query:
        if name in ("patient", "subject"):
            listed.update(dict.fromkeys(asked_for(name, value)))
    return tuple(listed)


def asked_for(name: str, value: str) -> list[str]:
    """The patient ids of a reference parameter's value: ``Patient/1,Patient/2``, or bare ids of ``patient``."""
    found = []
    for part in value.split(","):
        matched = PATIENT_REFERENCE.fullmatch(part)
        if matched is not None:
            found.append(matched[1])
        elif name == "patient" and LOGICAL_ID.fullmatch(part):
            found.append(part)
    return found


def query_of(interaction: Interaction) -> str | None:
    """The path and parameters of a search or an operation, relative to the base, as they would stand in a URL."""
    if not interaction.query and interaction.kind not in SEARCHES and interaction.kind != "operation":
        return None
    place = "/".join(part for part in path_of(interaction) if part)
    text = f"{place}?{urlencode(interaction.query)}" if interaction.query else place
    return text[:LONGEST_QUERY]


def path_of(interaction: Interaction) -> tuple[str | None, ...]:
    """The parts of the path."""
    if interaction.compartment is not None:
        return (*interaction.compartment, interaction.resource_type or "*")
    return interaction.resource_type, interaction.logical_id, interaction.operation
