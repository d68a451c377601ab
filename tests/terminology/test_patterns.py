"""Regular expressions of clients are bounded."""

from __future__ import annotations

import pytest

from countyfhir.outcome import FhirError
from countyfhir.terminology.patterns import compiled


@pytest.mark.parametrize("pattern", ["(a+)+", "(a*)*b", "((a|b)+c)*", "(", "[", "a{2", "x" * 301, "(?:a{1,50}){1,50}"])
def test_what_could_keep_a_server_busy_is_refused(pattern: str) -> None:
    """Nested repetition, what is too long, and what is none (a brace that repeats nothing is a letter)."""
    if pattern == "a{2":
        assert compiled(pattern).fullmatch("a{2")
        return
    with pytest.raises(FhirError):
        compiled(pattern)


@pytest.mark.parametrize("pattern", ["[A-Z]{2}", "code[1-3]", "a|b", "(ab){3}", r"\d+(\.\d+)?", "E1[0-4].*"])
def test_usual_ones_are_taken(pattern: str) -> None:
    """They meet whole values."""
    assert compiled(pattern).pattern == pattern
