"""What the listener has done so far, as numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

HELP: Mapping[str, str] = {
    "connections": "connections taken",
    "refused": "connections refused: unknown peer, or too many",
    "messages": "messages that came whole",
    "broken": "connections closed within a frame, or for bytes that are no frame",
    "accepted": "messages answered AA",
    "error": "messages answered AE",
    "rejected": "messages answered AR",
    "stored": "messages stored",
    "unchanged": "messages that said nothing new, repeats among them",
    "quarantined": "messages put into quarantine",
    "kept_out": "messages whose record was rejected by its mapping",
    "failures": "faults of our own",
}
"""Every counter and what it counts."""
NAME_OF_OUTCOME: Mapping[str, str] = {"rejected": "kept_out"}
NAME_OF_CODE: Mapping[str, str] = {"AA": "accepted", "AE": "error", "AR": "rejected"}


def exposition(counters: Counters) -> str:
    """All of them as Prometheus text."""
    lines: list[str] = []
    for name, text in HELP.items():
        metric = f"countyfhir_mllp_{name}_total"
        lines += [f"# HELP {metric} HL7 v2 {text}.", f"# TYPE {metric} counter", f"{metric} {counters.counts[name]}"]
    metric = "countyfhir_mllp_open_connections"
    lines += [
        f"# HELP {metric} HL7 v2 connections that are open.",
        f"# TYPE {metric} gauge",
        f"{metric} {counters.open}",
    ]
    return "\n".join(lines) + "\n"


@dataclass(slots=True)
class Counters:
    """Counts by the names of ``HELP``; ``open`` connections are a gauge."""

    counts: Counter[str] = field(default_factory=Counter)
    open: int = 0

    def count(self, name: str) -> None:
        """One more."""
        self.counts[name] += 1

    def answered(self, code: str, outcome: str | None) -> None:
        """A message was answered; ``outcome`` of its record where there is one."""
        self.counts[NAME_OF_CODE[code]] += 1
        if outcome is not None:
            self.counts[NAME_OF_OUTCOME.get(outcome, outcome)] += 1

    def as_dict(self) -> dict[str, int]:
        """All of them, zeros too."""
        return {**{name: self.counts[name] for name in HELP}, "open": self.open}
