"""An index in memory, and small releases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from countyfhir.terminology.importing.kinds import Written, bring_in
from countyfhir.terminology.importing.order import Order
from countyfhir.terminology.knowledge import Terminology, open_terminology

BringIn = Callable[..., list[Written]]


@pytest.fixture
def terminology() -> Iterator[Terminology]:
    """An index without the folders."""
    opened = open_terminology(None)
    yield opened
    opened.close()


@pytest.fixture
def imported(terminology: Terminology) -> BringIn:
    """Imports a file into it."""

    def bring(path: Path, kind: str | None = None, **said: Any) -> list[Written]:
        return bring_in(terminology, Order(path, **said), kind)

    return bring
