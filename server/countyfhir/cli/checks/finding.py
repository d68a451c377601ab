"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """``level`` is good, note (works, but mind it) or bad (does not work, must not be used so). ``mend`` says what to
    do about a note or a bad one."""

    level: str
    subject: str
    text: str
    mend: str = ""


def good(subject: str, text: str) -> Finding:
    """Nothing to do."""
    return Finding("good", subject, text)


def note(subject: str, text: str, mend: str) -> Finding:
    """Works, but mind it."""
    return Finding("note", subject, text, mend)


def bad(subject: str, text: str, mend: str) -> Finding:
    """Does not work, or must not be used so."""
    return Finding("bad", subject, text, mend)
