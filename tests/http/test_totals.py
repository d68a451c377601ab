"""``Bundle.total``: told when it is asked for, or costs nothing."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient


def test_a_total_is_told_where_all_matches_stand_on_one_page(client: TestClient) -> None:
    """Without ``_total``: on the only page, not on one of several, and not against ``none``."""
    for number in range(3):
        client.put(f"Basic/b{number}", json={"resourceType": "Basic", "id": f"b{number}", "code": {"text": "x"}})

    def asked(query: str) -> dict[str, Any]:
        bundle: dict[str, Any] = client.get(f"Basic?{query}").json()
        return bundle

    assert asked("")["total"] == 3
    assert asked("_id=b1,nobody&_include=*")["total"] == 1
    assert asked("_id=nobody")["total"] == 0
    assert "total" not in asked("_total=none")
    first = asked("_count=2")
    assert "total" not in first
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    assert "total" not in client.get(following).json()
    assert asked("_count=2&_total=accurate")["total"] == 3
