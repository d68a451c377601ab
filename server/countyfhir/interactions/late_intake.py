"""The intake as the operations see it, made when it is first asked: a server starts without its readers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from countyfhir.exchange import SourceRecord
from countyfhir.interactions.world import Converted, LegacyIntake


class LateIntake:
    """``LegacyIntake`` by ``make``."""

    def __init__(self, make: Callable[[], LegacyIntake]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> LegacyIntake:
        return self._make()

    def convert(self, mapping: str, raw: bytes, is_json: bool) -> list[Converted]:
        """A record through its mapping."""
        return self._made.convert(mapping, raw, is_json)

    async def replay(self, places: Sequence[int]) -> tuple[Mapping[str, int], list[str]]:
        """Quarantined records once more."""
        return await self._made.replay(places)

    async def take(self, source: str, files: Path, report: Path, dry_run: bool) -> str | None:
        """Files of a source, by a process of its own; None, or why it could not be done."""
        return await self._made.take(source, files, report, dry_run)

    async def discard(self, place: int, record: SourceRecord, who: str, reason: str) -> None:
        """A quarantined record given up."""
        await self._made.discard(place, record, who, reason)
