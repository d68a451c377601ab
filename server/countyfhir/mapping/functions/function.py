"""What the table of functions says about each function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Function:
    """``arity`` counts the piped value. ``absent``: is called for a blank too. ``zoned``: gets the source's time
    zone."""

    name: str
    call: Callable[..., Any]
    summary: str
    arity: tuple[int, int] = (1, 1)
    absent: bool = False
    zoned: bool = False
