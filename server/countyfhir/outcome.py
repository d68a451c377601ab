"""Errors and problems as FHIR says them: Issue, FhirError, OperationOutcome (R4 section 3.6, OperationOutcome)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

STATUS_OF_CODE: Mapping[str, int] = {
    "invalid": 400,
    "structure": 400,
    "required": 400,
    "value": 400,
    "code-invalid": 400,
    "extension": 400,
    "invariant": 422,
    "processing": 422,
    "business-rule": 422,
    "login": 401,
    "unknown": 401,
    "expired": 401,
    "security": 401,
    "suppressed": 403,
    "forbidden": 403,
    "not-supported": 404,
    "not-found": 404,
    "deleted": 410,
    "duplicate": 409,
    "conflict": 409,
    "multiple-matches": 412,
    "too-long": 413,
    "too-costly": 413,
    "timeout": 503,
    "transient": 503,
    "throttled": 429,
    "lock-error": 503,
    "no-store": 507,
    "incomplete": 503,
    "exception": 500,
    "informational": 200,
}
"""HTTP status of an IssueType code unless the error names its own (R4 section 3.1.0.1.9 and HTTP)."""


_LINE = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line"
_COLUMN = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col"


@dataclass(frozen=True, slots=True)
class Issue:
    """One problem: an IssueType ``code``, one sentence that helps, and the FHIRPath places it concerns.

    ``line`` and ``column`` (1-based) are given where text was sent; ``details`` is a machine code of ours
    (for example an invariant key). ``diagnostics`` never holds a patient's data.
    """

    code: str
    diagnostics: str
    expression: tuple[str, ...] = ()
    severity: str = "error"
    details: str | None = None
    line: int | None = None
    column: int | None = None

    def as_fhir(self) -> dict[str, Any]:
        """The ``OperationOutcome.issue`` element."""
        issue: dict[str, Any] = {"severity": self.severity, "code": self.code}
        if self.details:
            issue["details"] = {"text": self.details}
        issue["diagnostics"] = _UNPRINTABLE.sub("\ufffd", self.diagnostics)
        if self.line is not None:
            places = ((_LINE, self.line), (_COLUMN, self.column or 1))
            issue["extension"] = [{"url": url, "valueInteger": number} for url, number in places]
            issue["location"] = [f"line {self.line}, column {self.column or 1}"]
        if self.expression:
            issue["expression"] = [_UNPRINTABLE.sub("\ufffd", one) for one in self.expression]
        return issue


_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML cannot carry: a message that repeats what was asked must not fail for it."""


class FhirError(Exception):
    """What stops an interaction; the one ``except`` at the HTTP edge turns it into status and OperationOutcome.

    ``FhirError("not-found", "Patient/1 is not known")`` or ``FhirError([Issue(...), ...])``. ``status`` overrides the
    table where FHIR gives one code several meanings (for example 405 or 412); ``headers`` are added to the answer.
    """

    def __init__(
        self,
        problem: str | Iterable[Issue],
        diagnostics: str = "",
        *,
        expression: str | tuple[str, ...] = (),
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if isinstance(problem, str):
            places = (expression,) if isinstance(expression, str) else expression
            self.issues: tuple[Issue, ...] = (Issue(problem, diagnostics, places),)
        else:
            self.issues = tuple(problem)
        self.status = status or status_of(self.issues)
        self.headers = dict(headers or {})
        super().__init__(self.issues[0].diagnostics)


def at_entry(error: FhirError, index: int) -> FhirError:
    """The same error said of an entry of a bundle: its expressions stand under ``Bundle.entry[index]``."""
    place = f"Bundle.entry[{index}]"
    issues = [
        replace(issue, expression=tuple(_under(place, one) for one in issue.expression) or (place,))
        for issue in error.issues
    ]
    return FhirError(issues, status=error.status, headers=error.headers)


def _under(place: str, expression: str) -> str:
    head, _, rest = expression.partition(".")
    if head in ("request", "resource", "fullUrl"):
        return f"{place}.{expression}"
    return f"{place}.resource.{rest}" if rest else f"{place}.resource"


def status_of(issues: Iterable[Issue]) -> int:
    """The status of the first error among ``issues``."""
    errors = [issue for issue in issues if issue.severity in ("fatal", "error")]
    return STATUS_OF_CODE.get(errors[0].code, 400) if errors else 200


def operation_outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """An OperationOutcome resource; one informational issue when there is no problem."""
    listed = [issue.as_fhir() for issue in issues]
    return {"resourceType": "OperationOutcome", "issue": listed or [ALL_OK.as_fhir()]}


ALL_OK = Issue("informational", "All OK", severity="information")
