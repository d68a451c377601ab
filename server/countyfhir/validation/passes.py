"""One pass over the properties of an object whose names are known (DESIGN decision 4: validate by compiling).

The straight pass is Python code made for a sequence of lanes: the values are unpacked at once, and texts that are
known to be fine cost no call. The loop does the same for sequences that are not worth compiling.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from countyfhir.model.primitives import LONGEST_STRING
from countyfhir.validation.problem import ElementCheck, Known, Problem

Lane = tuple[str, ElementCheck, Known]
"""The name of a property, its check, and the texts known to pass it."""
Found = dict[str, "list[Problem] | str"]
"""What the checks of the properties answered, where it was not None."""
Account = Callable[[dict[str, Any], Found], "list[Problem] | None"]
Pass = Callable[[dict[str, Any]], "list[Problem] | None"]

CALL, WORD, TEXT = "cwt"
"""Kinds of lanes: always ask the check; only for texts that are not known; only for texts that are not printable."""
TESTS = {
    CALL: "",
    WORD: "not (type(v{0}) is str and v{0} in k{0}) and ",
    TEXT: "not (type(v{0}) is str and v{0}.isprintable() and 0 < len(v{0}) <= longest) and ",
}
MOST_SHAPES = 4096


def straight_pass(lanes: tuple[Lane, ...], account: Account, odd: bool) -> Pass:
    """The pass as straight code: no loop, no look-up by name."""
    kinds = "".join(map(kind_of_lane, lanes))
    return factory(kinds)(lanes, account, odd)  # type: ignore[no-any-return]


def kind_of_lane(lane: Lane) -> str:
    """Which test goes before the check."""
    known = lane[2]
    return TEXT if known is None else CALL if isinstance(known, frozenset) and not known else WORD


@lru_cache(maxsize=MOST_SHAPES)
def factory(kinds: str) -> Callable[..., Any]:
    """Makes passes over values of these kinds. The code depends on nothing but ``kinds``, so no sent name is in it."""
    places = range(len(kinds))
    lines = ["def make(lanes, account, odd):"]
    lines += [f"    n{place}, c{place}, k{place} = lanes[{place}]" for place in places]
    lines += ["    def checked(value):", "        found = None"]
    if kinds:
        lines.append(f"        {''.join(f'v{place}, ' for place in places)}= value.values()")
    for place, kind in enumerate(kinds):
        lines.append(f"        if {TESTS[kind].format(place)}(answer := c{place}(v{place})) is not None:")
        lines.append(f"            found = found or {{}}; found[n{place}] = answer")
    lines += ["        return account(value, found or {}) if odd or found is not None else None", "    return checked"]
    made: dict[str, Any] = {"longest": LONGEST_STRING}
    exec("\n".join(lines), made)  # noqa: S102 - the text is ours
    return made["make"]  # type: ignore[no-any-return]


def looped_pass(lanes: tuple[Lane, ...], account: Account, odd: bool) -> Pass:
    """The same pass as a loop."""

    def checked(value: dict[str, Any]) -> list[Problem] | None:
        found: Found = {}
        for (name, check, _), child in zip(lanes, value.values(), strict=True):
            if (answer := check(child)) is not None:
                found[name] = answer
        return account(value, found) if odd or found else None

    return checked
