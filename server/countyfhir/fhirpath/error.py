"""What a FHIRPath expression can fail with (FHIRPath N1 section 3, FHIR R4 IssueType)."""

from __future__ import annotations

from countyfhir.outcome import FhirError


class FhirPathError(FhirError):
    """An expression that cannot be read, is wrong for its type, or cannot be evaluated on this input.

    ``position`` is the 0-based offset in the expression, None when unknown. The message never holds a resource's data.
    """

    def __init__(self, message: str, position: int | None = None) -> None:
        self.message = message
        self.position = position
        super().__init__("invalid", message)

    def __str__(self) -> str:
        return self.message if self.position is None else f"{self.message} (at character {self.position + 1})"


def at(problem: FhirPathError, position: int) -> FhirPathError:
    """The same problem, with the place of the innermost call it happened in."""
    if problem.position is None:
        problem.position = position
    return problem
