"""What the quarantine holds of a mapping, as the line needs it: whether a message that has come lies there already."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from countyfhir.store.ports import IntakeStore


@dataclass(slots=True)
class Held:
    """Places in the ledger by the digest of the record. Read once, then what came since: a message must not cost more
    the more is held."""

    mapping: str
    after: int = 0
    places: dict[str, int] = field(default_factory=dict)

    async def of(self, digest: str, ledger: IntakeStore) -> dict[str, int]:
        """The digest with its place when such a record lies in quarantine now; others may have taken it out."""
        found: Any = ledger.quarantined(self.mapping, self.after)
        async for sequence, record in found:
            self.places[record.digest] = self.after = sequence
        place = self.places.get(digest)
        if place is None:
            return {}
        if await ledger.held(place) is None:
            del self.places[digest]
            return {}
        return {digest: place}
