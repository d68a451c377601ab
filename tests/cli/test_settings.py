"""The command that shows the settings."""

from __future__ import annotations

from countyfhir.settings import Settings
from tests.cli.conftest import Run


def test_every_setting_is_shown_with_its_value_here(run: Run) -> None:
    """The value that a flag or a file gave stands beside the name."""
    done = run("settings", "--port", "9123")
    assert done.code == 0
    assert [name for name in Settings.model_fields if name not in done.out] == []
    assert "9123" in done.out


def test_contradictions_are_told(run: Run) -> None:
    """On standard error, after the table."""
    assert "default_count is greater" in run("settings", "--max-count", "1").err
