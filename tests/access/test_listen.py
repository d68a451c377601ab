"""Without authentication only the loopback address is listened on."""

from __future__ import annotations

import pytest

from countyfhir.access.listen import refuse_to_listen


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "[::1]", "localhost"])
def test_loopback_needs_no_authentication(host: str) -> None:
    """Nobody else reaches it."""
    assert refuse_to_listen(host, "none") is None


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.168.1.10", "county.example", "localhost.example", "127.0.0.1.example"]
)
def test_other_addresses_need_authentication(host: str) -> None:
    """The message says what to do; with authentication every address is fine."""
    assert "Set auth to keys" in (refuse_to_listen(host, "none") or "")
    for auth in ("keys", "jwt", "both"):
        assert refuse_to_listen(host, auth) is None
