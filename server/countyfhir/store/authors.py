"""The institution that first wrote a resource: what no element of the resource says (``search.relations.AUTHOR``)."""

from __future__ import annotations

from collections.abc import Iterable

from countyfhir.exchange import Write
from countyfhir.search.entries import RELATION, Entry
from countyfhir.search.query import FOREVER
from countyfhir.search.relations import AUTHOR, FIRM, ITSELF


def authored(write: Write) -> tuple[Entry, ...]:
    """The relation of who writes it, for a resource that is not there yet."""
    return () if write.body is None else written_by(write.resource_type, write.logical_id, write.author)


def written_by(resource_type: str, logical_id: str, organizations: Iterable[str]) -> tuple[Entry, ...]:
    """The relation of these Organizations (logical ids) to what they wrote first."""
    itself, period = (resource_type, logical_id), (-FOREVER, FOREVER)
    return tuple(
        (RELATION, AUTHOR, 0, *itself, "Organization", one, FIRM, ITSELF, *period, "", "", "") for one in organizations
    )
