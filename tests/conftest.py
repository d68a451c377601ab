"""What every test stands on: an environment without settings of the person who runs it, and repeatable random input."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import stores

settings.register_profile(
    "countyfhir", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("countyfhir")


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> Iterator[None]:
    """Settings in the environment of the person who runs the tests do not change what is tested. Searches on SecantusDB
    may take their time."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.upper().startswith("COUNTYFHIR_")}
    if stores.chosen == "mongodb":
        os.environ["COUNTYFHIR_SEARCH_TIME_LIMIT"] = "120"
    yield
    os.environ.pop("COUNTYFHIR_SEARCH_TIME_LIMIT", None)
    os.environ.update(kept)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--update-golden`` rewrites the expected FHIR of tests/golden; the difference is reviewed like code."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the expected files of tests/golden")
    text = "run tests/http and tests/search_oracle on this store, and the contract suite on it in full"
    parser.addoption("--store", choices=("sqlite", "mongodb"), default="sqlite", help=text)
    parser.addoption("--rows", type=int, default=600, help="dirty rows that tests/scenarios/test_dirty_rows.py sends")


def pytest_configure(config: pytest.Config) -> None:
    """What ``--store`` says, for those who open stores."""
    stores.chosen = config.getoption("--store")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What tests publish by ``record_property("published", ...)`` is printed at the end, in CI too."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "published" and getattr(report, "when", "") == "call":
                    terminalreporter.write_line(str(value))
