"""What is asked of $evaluate-measure: parameters of the URL or of a Parameters resource, checked (OperationDefinition
Measure-evaluate-measure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from countyfhir.exchange import Interaction
from countyfhir.interactions.request_parameters import moment
from countyfhir.interactions.world import World
from countyfhir.operations.measures.period import Period, period_of
from countyfhir.outcome import FhirError

REPORTS = ("subject", "subject-list", "population")
ONCE = ("measure", "periodStart", "periodEnd", "reportType", "subject", "practitioner", "lastReceivedOn", "cutOff")
SEVERAL = ("stratify",)
_FORMS = ("_format", "_pretty")


@dataclass(frozen=True, slots=True)
class Asking:
    """The parameters as they count. ``last_received`` and ``cut_off`` are microseconds; ``strata`` None: all."""

    measure: str | None
    period: Period
    report: str
    subject: str | None
    practitioner: str | None
    last_received: int | None
    cut_off: int | None
    strata: frozenset[str] | None


def asking(interaction: Interaction, world: World) -> Asking:
    """The parameters of a call. FhirError 400 for one that is missing, unknown, repeated or malformed."""
    given = _given(interaction)
    zone = world.search.zone
    for name in ("periodStart", "periodEnd"):
        if name not in given:
            raise FhirError("required", f"$evaluate-measure needs {name}.", expression=name)
    subject = _reference(given, "subject", "Patient")
    report = given.get("reportType", ["subject" if subject else "population"])[0]
    if report not in REPORTS:
        raise FhirError("value", f"reportType is one of {', '.join(REPORTS)}.", expression="reportType")
    if report == "subject" and subject is None:
        raise FhirError("required", "reportType=subject needs the subject.", expression="subject")
    made = Asking(
        given.get("measure", [None])[0],
        period_of(given["periodStart"][0], given["periodEnd"][0], zone),
        report,
        subject,
        _reference(given, "practitioner", "Practitioner"),
        moment("lastReceivedOn", given["lastReceivedOn"][0], zone)[0] if "lastReceivedOn" in given else None,
        moment("cutOff", given["cutOff"][0], zone)[0] if "cutOff" in given else None,
        frozenset(code for text in given["stratify"] for code in text.split(",")) if "stratify" in given else None,
    )
    _check(made, world)
    return made


def _check(made: Asking, world: World) -> None:
    if made.last_received is not None and made.report != "subject":
        text = "lastReceivedOn is only for reports on one subject (reportType=subject)."
        raise FhirError("invalid", text, expression="lastReceivedOn", status=400)
    if made.cut_off is not None and made.last_received is not None:
        text = "lastReceivedOn and cutOff cannot be asked together."
        raise FhirError("not-supported", text, expression="cutOff", status=400)
    if made.cut_off is not None and made.cut_off >= world.now():
        text = "cutOff lies in the future; a figure can only be had for what has been."
        raise FhirError("value", text, expression="cutOff")


def _given(interaction: Interaction) -> dict[str, list[str]]:
    """Names with their values."""
    body = interaction.body if isinstance(interaction.body, dict) else {}
    sent = [*interaction.query, *((str(one.get("name")), _value(one)) for one in body.get("parameter", ()))]
    found: dict[str, list[str]] = {}
    for name, value in sent:
        if name not in (*ONCE, *SEVERAL, *_FORMS):
            known = ", ".join((*ONCE, *SEVERAL))
            text = f"'{name[:64]}' is no parameter of $evaluate-measure; known: {known}."
            raise FhirError("not-supported", text, status=400, expression=name[:64])
        if name in ONCE and name in found:
            raise FhirError("invalid", f"{name} is given once.", status=400, expression=name)
        found.setdefault(name, []).append(value)
    return found


def _value(parameter: dict[str, Any]) -> str:
    value = next((value for name, value in parameter.items() if name.startswith("value")), "")
    return str(value.get("reference", "")) if isinstance(value, dict) else str(value)


def _reference(given: dict[str, list[str]], name: str, kind: str) -> str | None:
    """The logical id of a parameter that refers to a resource of the kind."""
    if name not in given:
        return None
    before, _, logical_id = given[name][0].rpartition("/")
    if not logical_id or before.rpartition("/")[2] not in ("", kind):
        raise FhirError("value", f"{name} refers to a {kind}, as {kind}/1.", expression=name)
    return logical_id
