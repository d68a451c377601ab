"""Regular expressions of value set filters: whole values, and none that could keep a server busy (R4 section 4.9.5.1,
filter operator regex)."""

from __future__ import annotations

import re
import re._constants as constants  # type: ignore[import-not-found]  # the parsed form has no other home
import re._parser as parser  # type: ignore[import-not-found]
from functools import lru_cache
from typing import Any

from countyfhir.outcome import FhirError

_LONGEST = 300


@lru_cache(maxsize=1_024)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, to be matched against a whole value. FhirError 422 for what is no regular expression, is longer than
    300 characters or repeats what is repeated already."""
    if len(pattern) > _LONGEST:
        raise FhirError("processing", "The regular expression of a filter is longer than 300 characters.")
    try:
        parsed = parser.parse(pattern)
        if _nests(parsed, False):
            raise FhirError("processing", "A filter's regular expression may not repeat what is repeated already.")
        return re.compile(pattern)
    except re.error as error:
        raise FhirError("processing", f"A filter's regular expression cannot be read: {error.msg}.") from None


def _nests(tokens: Any, repeated: bool) -> bool:
    """Whether an open repetition stands inside of another."""
    for operator, argument in tokens:
        if operator in (constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT):
            open_ended = argument[1] == constants.MAXREPEAT or argument[1] > 20
            if (repeated and open_ended) or _nests(argument[2], repeated or open_ended):
                return True
        elif (operator is constants.SUBPATTERN and _nests(argument[3], repeated)) or (
            operator is constants.BRANCH and any(_nests(branch, repeated) for branch in argument[1])
        ):
            return True
    return False
