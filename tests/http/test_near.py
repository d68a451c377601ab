"""near over HTTP: distances along great circles, units, the 180th meridian and the pole."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

PLACES = {
    "clinic": (36.0671, 120.3826),
    "village": (36.1571, 120.3826),  # 10.008 km to the north
    "east": (-17.5, 179.95),
    "west": (-17.5, -179.95),
    "pole": (89.99, 10.0),
}


@pytest.fixture(scope="module")
def filled(client: TestClient) -> TestClient:
    for name, (latitude, longitude) in PLACES.items():
        position = {"latitude": latitude, "longitude": longitude}
        made = client.put(f"Location/{name}", json={"resourceType": "Location", "id": name, "position": position})
        assert made.status_code == 201
    client.put("Location/nowhere", json={"resourceType": "Location", "id": "nowhere"})
    return client


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("36.0671|120.3826|10.0|km", ["clinic"]),
        ("36.0671|120.3826|10.1|km", ["clinic", "village"]),
        ("36.0671|120.3826|10100|m", ["clinic", "village"]),
        ("36.0671|120.3826|6.3|[mi_i]", ["clinic", "village"]),
        ("36.0671|120.3826", ["clinic"]),
        ("36.0671|120.3826|0", ["clinic"]),
        ("-17.5|180|6", ["east", "west"]),
        ("-17.5|-179.9|6", ["west"]),
        ("89.99|-170|3", ["pole"]),
        ("0|0|30000", ["clinic", "east", "pole", "village", "west"]),
        ("36.0671|120.3826|1,89.99|10|1", ["clinic", "pole"]),
    ],
)
def test_near(filled: TestClient, asked: str, expected: list[str]) -> None:
    """What lies within the distance, 10 km unless it is said, kilometres unless it is said."""
    answer = filled.get("Location", params={"near": asked})
    assert answer.status_code == 200, answer.text
    assert sorted(entry["resource"]["id"] for entry in answer.json().get("entry", ())) == expected


def test_locations_without_a_position(filled: TestClient) -> None:
    """near:missing tells them."""
    answer = filled.get("Location", params={"near:missing": "true"}).json()
    assert [entry["resource"]["id"] for entry in answer["entry"]] == ["nowhere"]


@pytest.mark.parametrize("asked", ["1", "1|x", "91|0", "0|181", "1|2|3|kg", "1|2|-3|km", "1|2|3|km|4", "NaN|1"])
def test_malformed_values(filled: TestClient, asked: str) -> None:
    """Each is a 400."""
    assert filled.get("Location", params={"near": asked}).status_code == 400
