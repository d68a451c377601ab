"""What a run was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests import stores

LEGACY_COUNTY = Path(__file__).resolve().parents[2] / "shared" / "legacy-county"


@dataclass(frozen=True, slots=True)
class Asked:
    """``seconds`` of each measurement; ``full`` climbs the ladders; ``folder`` holds the temporary stores."""

    folder: Path
    seconds: float = 2.0
    full: bool = False

    @property
    def operations(self) -> int:
        """Interactions to record for a store ceiling."""
        return 2000 if self.full else 500

    @property
    def residents(self) -> int:
        """Simple legacy records to take in."""
        if stores.chosen != "sqlite":
            return 100
        return 100_000 if self.full else 10_000

    @property
    def patients(self) -> tuple[int, ...]:
        """Sizes of the store that searches run on."""
        if stores.chosen != "sqlite":
            return (300,) if self.full else (40,)
        return (1000, 4000, 16000) if self.full else (300,)
