"""How a search is refused: what is not supported (which lenient handling passes over) and what is malformed (never)."""

from __future__ import annotations

from countyfhir.outcome import FhirError

_SHOWN = 64


class Unsupported(FhirError):
    """An unknown or unsupported parameter or modifier: 400, or ignored with a warning under ``Prefer:
    handling=lenient``."""

    def __init__(self, diagnostics: str) -> None:
        super().__init__("not-supported", diagnostics, status=400)


class NotReady(FhirError):
    """409 for a parameter whose entries are still being made; lenient handling does not pass over it, as the answer
    would be another one a moment later."""

    def __init__(self, name: str, job: str) -> None:
        super().__init__(
            "incomplete",
            f"{shown(name)} cannot be searched yet: the job {job} is still making its index entries.",
            status=409,
            headers={"Retry-After": "5"},
        )


def malformed(name: str, expected: str) -> FhirError:
    """400 for a value that is not of the parameter's type; the value itself is not repeated, it may be a patient's
    data."""
    return FhirError("invalid", f"The value of {shown(name)} is malformed: {expected}.")


def shown(text: str) -> str:
    """A name as a message repeats it: short, and one line."""
    short = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return short if short.isprintable() else repr(short)
