"""What ships under terminology/, read once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from countyfhir.shipped import folder
from countyfhir.terminology.files.folder import resources
from countyfhir.terminology.knowledge import Terminology, open_terminology


@pytest.fixture(scope="session")
def shipped_resources() -> list[tuple[Path, dict[str, Any]]]:
    """(file, resource) of everything that ships."""
    return list(resources([folder("terminology")]))


@pytest.fixture(scope="session")
def shipped_terminology() -> Iterator[Terminology]:
    """R4's own content and what ships."""
    opened = open_terminology(None, [folder("terminology")])
    yield opened
    opened.close()
