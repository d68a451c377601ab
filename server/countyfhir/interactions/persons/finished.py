"""What a process has linked, and the index of persons does not know yet (docs/persons.md)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Finished:
    """Patient -> the version up to which it is linked, until it is written with something else."""

    versions: dict[str, int] = field(default_factory=dict)

    def add(self, versions: dict[str, int]) -> None:
        """These are linked."""
        self.versions |= versions

    def taken(self) -> dict[str, int]:
        """All of them, to be written now."""
        taken, self.versions = self.versions, {}
        return taken
