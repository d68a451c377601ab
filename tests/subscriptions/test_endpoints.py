"""Where notifications may be sent: nobody reaches by the server what he cannot reach himself."""

from __future__ import annotations

import asyncio

import pytest

from countyfhir.subscriptions.endpoints import Policy

PUBLIC = "93.184.216.34"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost:8080/",
        "http://[::1]/",
        "https://10.1.2.3/",
        "https://192.168.0.7/",
        "https://172.16.9.9/",
        "http://169.254.169.254/latest/meta-data",
        "https://[fd00::7]/",
        "https://[::ffff:10.0.0.1]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "http://hospital.example/",
        "ftp://hospital.example/",
        "https:///nowhere",
        "https://a:b@hospital.example/",
        "https://hospital.example:99999/",
    ],
)
def test_what_is_not_public_is_refused(url: str) -> None:
    """Without a list: private, loopback, link-local and multicast addresses, http, credentials, what is no address."""
    assert Policy().problem(url) is not None


@pytest.mark.parametrize(
    "url", ["https://hospital.example/fhir", f"https://{PUBLIC}:8443/", "https://HOSPITAL.example/"]
)
def test_public_addresses_are_open_by_https(url: str) -> None:
    """Nothing has to be listed for them."""
    assert Policy().problem(url) is None


def test_a_server_of_this_machine_may_tell_this_machine() -> None:
    """While it listens on loopback, nobody else can ask it to."""
    assert Policy(loopback=True).problem("http://127.0.0.1:9/") is None
    assert Policy(loopback=True).problem("http://localhost:9/") is None
    assert Policy(loopback=True).problem("http://10.0.0.1/") is not None


def test_hosts_and_networks_can_be_listed() -> None:
    """A name, everything below a domain, a port, a network; these also by http."""
    policy = Policy(("his.example", "*.county.example", "lab.example:8443", "10.20.0.0/16", "fd00:1::/32"))
    for url in (
        "http://his.example/",
        "http://a.b.county.example/",
        "https://lab.example:8443/",
        "http://10.20.7.7/",
        "http://[fd00:1::7]/",
    ):
        assert policy.problem(url) is None, url
    for url in (
        "http://county.example.evil.example/",
        "http://lab.example/",
        "http://10.21.0.1/",
        "http://nothis.example/",
    ):
        assert policy.problem(url) is not None, url


@pytest.mark.parametrize(
    ("found", "open_"),
    [
        ([PUBLIC], True),
        (["10.0.0.1"], False),
        ([PUBLIC, "127.0.0.1"], False),
        (["::ffff:192.168.1.1"], False),
        ([], False),
    ],
)
def test_a_name_is_looked_up_when_it_is_used(found: list[str], open_: bool) -> None:
    """A name that leads into a closed network, by one of its addresses, is not connected to."""

    async def resolve(host: str, port: int) -> list[str]:
        assert (host, port) == ("hospital.example", 443)
        return found

    place = asyncio.run(Policy().place("https://hospital.example/fhir", resolve))
    assert place == (PUBLIC if open_ else None)


def test_a_listed_name_may_lead_anywhere() -> None:
    """Whoever lists it knows where it leads."""

    async def resolve(host: str, port: int) -> list[str]:
        return ["10.0.0.1"]

    assert asyncio.run(Policy(("his.example",)).place("http://his.example/", resolve)) == "10.0.0.1"
