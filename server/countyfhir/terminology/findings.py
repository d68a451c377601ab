"""What a check of codes has to say: issues with their place, and their words (the tx-issue-type codes that FHIR's
terminology servers share)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from countyfhir.terminology.code_systems import Concept
from countyfhir.terminology.resolving import System
from countyfhir.terminology.value_sets import Definition

ISSUE_TYPES = "http://hl7.org/fhir/tools/CodeSystem/tx-issue-type"


@dataclass(frozen=True, slots=True)
class Finding:
    """One issue: ``kind`` is a tx-issue-type, ``code`` an IssueType, ``place`` a FHIRPath ("" for none)."""

    severity: str
    code: str
    kind: str
    text: str
    place: str = ""

    def as_issue(self) -> dict[str, Any]:
        """OperationOutcome.issue."""
        found: dict[str, Any] = {
            "severity": self.severity,
            "code": self.code,
            "details": {"coding": [{"system": ISSUE_TYPES, "code": self.kind}], "text": self.text},
        }
        if self.place:
            found |= {"location": [self.place], "expression": [self.place]}
        return found


def outcome(findings: Iterable[Finding]) -> dict[str, Any]:
    """The OperationOutcome of a check."""
    return {"resourceType": "OperationOutcome", "issue": [one.as_issue() for one in findings]}


def message(findings: Sequence[Finding]) -> str:
    """What went wrong, in one line."""
    said = [one.text for one in findings if one.severity in ("error", "warning")]
    return "; ".join(dict.fromkeys(said))


def below(path: str, name: str) -> str:
    """The place of an element of what is checked; a plain code is checked by parameters of their own names."""
    return f"{path}.{name}" if path else name


def not_in_value_set(named: str, value_set: str, place: str, severity: str = "error") -> Finding:
    """The code is not a member."""
    kind = "not-in-vs" if severity == "error" else "this-code-not-in-vs"
    text = f"The provided code '{named}' was not found in the value set '{value_set}'"
    return Finding(severity, "code-invalid", kind, text, place)


def no_valid_coding(value_set: str) -> Finding:
    """None of the codings is a member."""
    return Finding("error", "code-invalid", "not-in-vs", f"No valid coding was found for the value set '{value_set}'")


def unknown_code(code: str, system: System, place: str) -> Finding:
    """The code system lacks the code; of a fragment that is no error."""
    version = f" version '{system.version}'" if system.version else ""
    text = f"Unknown code '{code}' in the CodeSystem '{system.url}'{version}"
    if system.complete:
        return Finding("error", "code-invalid", "invalid-code", text, place)
    partial = (
        f"{text} - note that the code system is labeled as a {system.header.get('content')}, so the code may be valid"
    )
    return Finding("warning", "code-invalid", "invalid-code", partial + " in some other fragment", place)


def unknown_system(url: str, version: str | None, known: Sequence[str], place: str, severity: str = "error") -> Finding:
    """The code system, or the version of it, is not known here."""
    of_version = f" version '{version}'" if version else ""
    text = f"A definition for CodeSystem '{url}'{of_version} could not be found, so the code cannot be validated"
    if version and known:
        text += f". Valid versions: [{', '.join(known)}]"
    return Finding(severity, "not-found", "not-found", text, place)


def cannot_decide(value_set: str, reason: str) -> Finding:
    """Membership hangs on what is not known here."""
    text = f"Unable to check whether the code is in the value set '{value_set}' because {reason}"
    return Finding("warning", "not-found", "vs-invalid", text)


def no_system(place: str) -> Finding:
    """A coding without a system means nothing."""
    text = "Coding has no system. A code with no system has no defined meaning, and it cannot be validated. A system"
    return Finding("warning", "invalid", "invalid-data", text + " should be provided", place)


def not_active(code: str, place: str) -> Finding:
    """The code is there and no longer to be used, and only active ones will do."""
    return Finding("error", "business-rule", "code-rule", f"The code '{code}' is valid but is not active", place)


def inactive(code: str, status: str, place: str) -> Finding:
    """The code is no longer to be used."""
    text = f"The concept '{code}' has a status of {status} and its use should be reviewed"
    return Finding("warning", "business-rule", "code-comment", text, place)


def abstract(code: str, system: System, place: str) -> Finding:
    """The code only groups others."""
    text = f"The code '{system.url}#{code}' is valid but is not selectable"
    return Finding("error", "business-rule", "code-rule", text, place)


def other_case(code: str, concept: Concept, system: System, place: str) -> Finding:
    """The code is written in another case."""
    text = (
        f"The code '{code}' differs from the correct code '{concept.code}' by case. Although the code system"
        f" '{system.canonical}' is case insensitive, implementers are strongly encouraged to use the correct case"
        " anyway"
    )
    return Finding("information", "business-rule", "code-rule", text, place)


def wrong_display(
    given: str, named: str, valid: Sequence[str], languages: Sequence[str], place: str, severity: str
) -> Finding:
    """The text is none of the code's displays."""
    quoted = ", ".join(f"'{one}'" for one in valid[:5])
    said = (
        f"Valid display is {quoted}" if len(valid) == 1 else f"Valid display is one of {len(valid)} choices: {quoted}"
    )
    spoken = ", ".join(languages) or "--"
    text = f"Wrong Display Name '{given}' for {named}. {said} (for the language(s) '{spoken}')"
    return Finding(severity, "invalid", "invalid-display", text, place)


def statuses(system: System, value_set: Definition) -> list[Finding]:
    """Draft, experimental, deprecated or withdrawn content that a value set refers to, or is itself."""
    found = [("CodeSystem", reason, system.canonical) for reason in reasons(system.header, value_set.resource)]
    found += [("ValueSet", reason, value_set.canonical) for reason in reasons(value_set.resource, value_set.resource)]
    return [
        Finding("information", "business-rule", "status-check", f"Reference to {reason} {kind} {canonical}")
        for kind, reason, canonical in found
    ]


_STANDARDS_STATUS = "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"


def reasons(resource: Mapping[str, Any], value_set: Mapping[str, Any]) -> list[str]:
    """Why a user may want to be warned of content: ``deprecated``, ``withdrawn``, ``retired``; and ``draft`` and
    ``experimental`` where the value set that leads to it is not so itself."""
    said = {one.get("valueCode") for one in resource.get("extension", ()) if one.get("url") == _STANDARDS_STATUS}
    found = [name for name in ("deprecated", "withdrawn") if name in said]
    if resource.get("status") == "retired":
        found.append("retired")
    if resource.get("status") == "draft" and value_set.get("status") != "draft":
        found.append("draft")
    if resource.get("experimental") is True and value_set.get("experimental") is not True:
        found.append("experimental")
    return found


def other_version(asked: str, used: str, system: str, place: str) -> Finding:
    """The coding says another version than the value set."""
    text = (
        f"The code system '{system}' version '{used}' in the ValueSet include is different to the one in the value"
        f" ('{asked}')"
    )
    return Finding("error", "invalid", "vs-invalid", text, place)
