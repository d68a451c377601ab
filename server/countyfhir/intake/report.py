"""What an intake did: counts a file that add up, issues a code; never a personal value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

OUTCOMES = ("stored", "unchanged", "quarantined", "rejected")


@dataclass(slots=True)
class FileReport:
    """The counts of one file (one sheet of a workbook). ``problem`` says why a file could not be read."""

    file: str
    mapping: str
    counts: Counter[str] = field(default_factory=Counter)
    issues: Counter[tuple[str, str]] = field(default_factory=Counter)  # (code, column)
    problem: str | None = None

    @property
    def read(self) -> int:
        return sum(self.counts[outcome] for outcome in OUTCOMES)


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """One line of the report: what a record became. Keys and columns only."""

    file: str
    record: int
    key: str
    outcome: str
    resources: tuple[str, ...] = ()
    issues: tuple[dict[str, Any], ...] = ()


def report_line(outcome: RecordOutcome) -> dict[str, Any]:
    """The line of ``--report`` for a record: the file as the export names it, the key with the sheet before it."""
    file, _, sheet = outcome.file.partition("!")
    key = f"{sheet}!{outcome.key}" if sheet else outcome.key
    issues = [{name: issue[name] for name in ("code", "severity", "column", "diagnostics")} for issue in outcome.issues]
    return {
        "file": file,
        "record": outcome.record,
        "key": key,
        "outcome": outcome.outcome,
        "resources": list(outcome.resources),
        "issues": issues,
    }


@dataclass(slots=True)
class Report:
    """All files of one intake, and the files that no mapping is for."""

    files: list[FileReport] = field(default_factory=list)
    unmatched: tuple[str, ...] = ()

    def total(self) -> Counter[str]:
        """Records by outcome, and ``read``."""
        counts: Counter[str] = Counter()
        for one in self.files:
            counts.update(one.counts)
        counts["read"] = sum(one.read for one in self.files)
        return counts

    def rows(self) -> Iterator[tuple[str, int, int, int, int, int]]:
        """file, read, stored, unchanged, quarantined, rejected; the sums last."""
        for one in self.files:
            stored, unchanged, quarantined, rejected = (one.counts[outcome] for outcome in OUTCOMES)
            yield one.file, one.read, stored, unchanged, quarantined, rejected
        total = self.total()
        yield "total", total["read"], *(total[outcome] for outcome in OUTCOMES)  # type: ignore[misc]
