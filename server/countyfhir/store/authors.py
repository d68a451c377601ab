"""The institution that first wrote a resource: what no element of the resource says (``search.relations.AUTHOR``)."""

from __future__ import annotations

from countyfhir.exchange import Write
from countyfhir.search.entries import RELATION, Entry
from countyfhir.search.query import FOREVER
from countyfhir.search.relations import AUTHOR, FIRM, ITSELF


def authored(write: Write) -> tuple[Entry, ...]:
    """The relation of who writes it, for a resource that is not there yet."""
    if write.body is None:
        return ()
    itself = (write.resource_type, write.logical_id)
    period = (-FOREVER, FOREVER)
    return tuple(
        (RELATION, AUTHOR, 0, *itself, "Organization", one, FIRM, ITSELF, *period, "", "", "") for one in write.author
    )
