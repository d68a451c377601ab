"""Public addresses: base URL and trusted proxies by setting."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from tests.http.bundles import bundle, entry, observation, patient, statuses

PUBLIC = "https://fhir.county.example/r4"


def test_links_and_references_follow_the_base_url(serve: Callable[..., TestClient]) -> None:
    """Location, fullUrl, links and metadata start with it; absolute references to it are references to ourselves."""
    client = serve(base_url=PUBLIC)
    made = client.put("Patient/a", json=patient("a", id="a"))
    assert made.headers["location"] == f"{PUBLIC}/Patient/a/_history/1"
    client.put("Observation/o", json=observation(f"{PUBLIC}/Patient/a", id="o"))
    for asked in ("Patient/a", f"{PUBLIC}/Patient/a"):
        found = client.get("Observation", params={"subject": asked, "_include": "Observation:subject"}).json()
        assert [row["fullUrl"] for row in found["entry"]] == [f"{PUBLIC}/Observation/o", f"{PUBLIC}/Patient/a"]
        assert found["link"][0]["url"].startswith(f"{PUBLIC}/Observation?")
    assert client.delete("Patient/a").status_code == 409
    rows = (entry("GET", f"{PUBLIC}/Patient/a"), entry("POST", "Observation", observation(f"{PUBLIC}/Patient/a")))
    assert statuses(client.post("", json=bundle(*rows))) == ["200", "201"]
    assert client.get("metadata").json()["implementation"]["url"] == PUBLIC


FORWARDED = {"X-Forwarded-Host": "fhir.county.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "10.9.9.9"}


@pytest.mark.parametrize(("address", "base"), [("10.0.0.5", "https://fhir.county.example/fhir"), ("10.1.0.5", None)])
def test_only_trusted_proxies_are_believed(serve: Callable[..., TestClient], address: str, base: str | None) -> None:
    """X-Forwarded-Host and -Proto of the proxy's network count; anybody else's do not."""
    started = serve(trusted_proxies="10.0.0.0/24")
    client = TestClient(started.app, base_url="http://127.0.0.1:8080/fhir/", client=(address, 5000))
    client.portal = started.portal  # the event loop in which the server opened its store
    link = client.get("Patient", headers=FORWARDED).json()["link"][0]["url"]
    assert link == f"{base or 'http://127.0.0.1:8080/fhir'}/Patient"
