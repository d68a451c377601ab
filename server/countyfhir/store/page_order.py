"""Rows of several types in the order of one page: what every store does after it has asked each type (R4 section
3.1.1.5.1, _sort)."""

from __future__ import annotations

from typing import Any

from countyfhir.search.query import Sort


def before(sort: tuple[Sort, ...]) -> Any:
    """A key function that puts rows of several types in the order of ``page``."""
    directions = [key.descending for key in sort]
    return lambda row: (
        *(_Placed(value, down) for value, down in zip(row, directions, strict=False)),
        _Placed(row[len(sort)], not sort or directions[0]),
    )


class _Placed:
    """A key that compares in the direction asked for, None last."""

    __slots__ = ("_down", "_value")

    def __init__(self, value: Any, down: bool) -> None:
        self._value, self._down = value, down

    def __lt__(self, other: _Placed) -> bool:
        if self._value is None or other._value is None:
            return other._value is None and self._value is not None
        return bool(other._value < self._value if self._down else self._value < other._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Placed) and bool(self._value == other._value)

    __hash__ = None  # type: ignore[assignment]
