"""Every operation of the server's own has an OperationDefinition that is valid and can be read."""

from __future__ import annotations

from countyfhir.interactions.world import Operation
from countyfhir.operations.described import OURS, definitions
from countyfhir.operations.table import OPERATIONS
from countyfhir.validation.check import COMPLETE, check


def test_each_is_described_and_valid() -> None:
    """One for each canonical of ours, no more; without an error of R4's rules."""
    found = {one["url"]: one for one in definitions(OPERATIONS)}
    assert set(found) == {one.definition for one in OPERATIONS if one.definition.startswith(OURS)}
    problems = [
        (url, issue) for url, one in found.items() for issue in check(one, wanted=COMPLETE) if issue.severity == "error"
    ]
    assert problems == []


def test_it_says_where_it_may_be_called() -> None:
    """As the table does."""
    sign = next(one for one in definitions(OPERATIONS) if one["code"] == "sign")
    assert (sign["resource"], sign["type"], sign["instance"], sign["affectsState"]) == (["Contract"], True, False, True)
    assert {one["name"] for one in sign["parameter"] if one["min"]} == {"patient", "authority", "return"}


def test_one_that_is_not_described_is_noticed() -> None:
    """The table and the descriptions go together."""
    unknown = Operation("x", OPERATIONS[0].perform, OURS + "Unknown-x")
    try:
        list(definitions((unknown,)))
    except KeyError:
        return
    raise AssertionError
