"""What a truth file says of the indicators: figures with their period, and the records behind numerator and
denominator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

EVERYTHING = ("1900", "2999")
MEASURES: dict[tuple[str, ...], str] = {
    ("hypertension", "standard_management_rate"): "hypertension-standard-management",
    ("hypertension", "control_rate"): "hypertension-control",
    ("diabetes", "standard_management_rate"): "diabetes-standard-management",
    ("diabetes", "control_rate"): "diabetes-control",
    ("contract_rate",): "contract-rate",
    ("renewal_rate",): "contract-renewal",
    ("referrals", "up"): "referral-up-completion",
    ("referrals", "down"): "referral-down-completion",
    ("referrals_all_years", "up"): "referral-up-completion",
    ("referrals_all_years", "down"): "referral-down-completion",
    ("ecg_within_30_minutes",): "ecg-timeliness",
    ("ecg_within_30_minutes", "late"): "ecg-late",
    ("ecg_within_30_minutes", "unreported"): "ecg-unreported",
    ("ecg_within_30_minutes", "critical"): "ecg-critical-timeliness",
    ("imaging_within_30_minutes",): "imaging-timeliness",
    ("imaging_within_30_minutes", "late"): "imaging-late",
    ("imaging_within_30_minutes", "unreported"): "imaging-unreported",
    ("imaging_within_30_minutes", "critical"): "imaging-critical-timeliness",
    ("primary_care_share",): "primary-care-share",
}
"""Where a figure stands in the truth, and the Measure that says the same."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A figure. ``below`` is None where the truth states a count alone. Records are by person or by file;
    ``of_persons`` tells which; ``records`` are those of one population by its code, as far as the truth has them."""

    name: str
    measure: str
    start: str
    end: str
    above: int
    below: int | None
    of_persons: bool
    records: dict[str, dict[str, list[str]]]


def expected(truth: dict[str, Any]) -> Iterator[Expected]:
    """Every figure of ``indicators.observable``; a figure that no Measure states is an error."""
    for path, told in _figures(truth["indicators"]["observable"], ()):
        if path not in MEASURES:
            raise KeyError(f"no Measure is known for {'.'.join(path)}")
        start, end = period(str(told.get("period", "all years")))
        above, below = told["figure"] if "figure" in told else (told["count"], None)
        stated = {"numerator": "numerator_records", "denominator": "denominator_records"}
        records = {code: told[name] for code, name in stated.items() if name in told}
        if "records" in told and isinstance(told["records"], dict):
            records = {"denominator" if "figure" in told else "numerator": told["records"]}
        of_persons = told.get("counts") == "persons"
        yield Expected(".".join(path), MEASURES[path], start, end, above, below, of_persons, records)


def _figures(node: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    for name, inner in node.items():
        if not isinstance(inner, dict) or name.endswith("records"):
            continue
        if "figure" in inner or "count" in inner:
            yield (*path, name), inner
        yield from _figures(inner, (*path, name))


def period(words: str) -> tuple[str, str]:
    """Start and end of a period as the truth writes it: two dates, all years, or the year of the numerator."""
    dates = re.fullmatch(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})", words)
    if dates:
        return dates[1], dates[2]
    year = re.search(r"numerator (\d{4})", words)
    return (year[1], year[1]) if year else EVERYTHING
