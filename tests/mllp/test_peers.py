"""Who may send: known addresses, networks, certificates."""

from __future__ import annotations

from pathlib import Path

import pytest

from countyfhir.mllp.allowed import refuse_to_listen
from countyfhir.mllp.peers import PeersError, peer_of, read_peers

SOURCES = {"lis": frozenset({"检验中心"}), "his": frozenset({"县医院"})}
FILE = """peers:
  - {name: net, source: lis, address: 10.1.0.0/16}
  - {name: one, source: his, address: [10.1.2.3, "fd00::5"], institution: 县医院, processing: [P, T]}
  - {name: shown, source: his, certificate: "SHA256:AA:BB"}
  - {name: both, source: lis, address: 192.0.2.1, certificate: lis.example}
"""


def peers(folder: Path, text: str = FILE) -> tuple[object, ...]:
    path = folder / "peers.yaml"
    path.write_text(text, "utf-8")
    return read_peers(path, SOURCES)


@pytest.mark.parametrize(
    ("address", "shown", "name"),
    [
        ("10.1.9.9", (), "net"),
        ("10.1.2.3", (), "one"),
        ("::ffff:10.1.2.3", (), "one"),
        ("fd00::5", (), "one"),
        ("203.0.113.1", ("sha256:aabb",), "shown"),
        ("192.0.2.1", ("lis.example",), "both"),
        ("192.0.2.1", (), None),
        ("10.2.0.1", ("lis.example",), None),
        ("", (), None),
    ],
)
def test_a_caller_is_the_strictest_peer_it_fits(
    tmp_path: Path, address: str, shown: tuple[str, ...], name: str | None
) -> None:
    """Address and certificate where both are asked for; the narrowest network; else nobody."""
    found = peer_of(peers(tmp_path), address, frozenset(shown))  # type: ignore[arg-type]
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("peers: []", "list"),
        ("{", "YAML"),
        ("peers: [{name: a, source: mars, address: 10.0.0.1}]", "mars"),
        ("peers: [{name: a, source: lis}]", "address"),
        ("peers: [{name: a, source: lis, address: 0.0.0.0/0}]", "every address"),
        ("peers: [{name: a, source: lis, address: nowhere}]", "nowhere"),
        ("peers: [{name: a, source: lis, address: 10.0.0.1, institution: 县医院}]", "institution"),
        ("peers: [{name: a, source: lis, address: 10.0.0.1, processing: X}]", "processing"),
        ("peers: [{name: a, source: lis, address: 10.0.0.1, port: 1}]", "port"),
        ("peers: [{name: a, source: lis, address: 1.1.1.1}, {name: a, source: his, address: 1.1.1.2}]", "one name"),
    ],
)
def test_a_wrong_file_says_what_to_do(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(PeersError, match=told):
        peers(tmp_path, text)


def test_beyond_this_machine_peers_and_tls_are_needed() -> None:
    """Both, not one."""
    assert refuse_to_listen("127.0.0.1", peers=False, encrypted=False) is None
    assert refuse_to_listen("0.0.0.0", peers=True, encrypted=True) is None
    for peers_there, encrypted in ((False, True), (True, False), (False, False)):
        assert refuse_to_listen("10.0.0.1", peers=peers_there, encrypted=encrypted)
