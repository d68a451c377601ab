"""The version is printed by command and by flag."""

from __future__ import annotations

from countyfhir import __version__
from tests.cli.conftest import Run


def test_the_version_is_printed(run: Run) -> None:
    """Both ways say the same."""
    assert run("version").out == run("--version").out == f"{__version__}\n"
