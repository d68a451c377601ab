"""A figure of a slow store stands on requests that were answered, not on those that were sent."""

from __future__ import annotations

import time

import pytest

from bench import driving
from bench.driver import Client
from tests import stores


def test_a_client_goes_on_until_there_are_answers() -> None:
    """Its time is over, but fewer were answered than a figure needs."""
    client = Client(0, None, time.perf_counter() - 1, "", 1, least=2)  # type: ignore[arg-type]
    assert client.going
    client.latencies += [1.0, 1.0]
    assert not client.going


def test_a_store_that_may_be_slow_is_not_driven_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """wrk counts nothing that is not answered in time: it drives the embedded store only."""
    monkeypatch.setattr(stores, "chosen", "mongodb")
    assert (driving.tool(), driving.least()) == ("the Python driver", driving.LEAST)
    monkeypatch.setattr(stores, "chosen", "sqlite")
    assert driving.least() == 0
