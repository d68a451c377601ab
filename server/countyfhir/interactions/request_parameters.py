"""Parameters of interactions that are no searches: what is known has its effect, what is not is refused, never ignored
in silence (R4 sections 3.1.0.1.11 and 3.1.1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo

from countyfhir.exchange import Interaction
from countyfhir.model.primitives import interval
from countyfhir.outcome import FhirError

_MOST_DIGITS = 18  # of a count; Python refuses to read thousands of them

FORMS = frozenset({"_format", "_pretty"})
SUBSETS = FORMS | {"_summary", "_elements"}

KNOWN: Mapping[str, frozenset[str]] = {
    "read": SUBSETS,
    "vread": SUBSETS,
    "create": FORMS,
    "update": FORMS,
    "patch": FORMS,
    "delete": FORMS,
    "batch": FORMS,
    "transaction": FORMS,
    "capabilities": SUBSETS | {"mode"},
}
_CONDITIONAL = frozenset({"update", "patch", "delete"})


def check(interaction: Interaction) -> None:
    """FhirError 400 for a parameter that the interaction does not have; lenient handling passes over it.

    The criteria of a conditional update, patch or delete (no id in the path) are read elsewhere, always strictly.
    """
    kind = interaction.kind
    known = KNOWN.get(kind)
    if known is None or (kind in _CONDITIONAL and interaction.logical_id is None):
        return
    unknown = next((name for name, _ in interaction.query if name not in known), None)
    if unknown is None or interaction.preferences.handling == "lenient":
        return
    hint = " Criteria of a conditional create stand in the header If-None-Exist." if kind == "create" else ""
    raise FhirError(
        "not-supported",
        f"'{unknown[:64]}' is no parameter of {kind}; known: {', '.join(sorted(known))}.{hint}",
        status=400,
    )


def moment(name: str, text: str, zone: tzinfo) -> tuple[int, int]:
    """``[low, high)`` in microseconds of a date, dateTime or instant; a blank in it was a ``+``. FhirError 400."""
    try:
        return interval(text.replace(" ", "+"), zone)
    except ValueError as error:
        raise FhirError("value", f"{name} must be a date, dateTime or instant.", expression=name) from error


def page_size(text: str, least: int) -> int:
    """The whole number of ``_count``, at least ``least``. FhirError 400."""
    digits = text if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else ""
    if not digits or int(digits) < least:
        raise FhirError("value", f"_count must be a whole number of {least} or more.", expression="_count")
    return int(digits)
