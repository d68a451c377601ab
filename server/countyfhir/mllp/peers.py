"""Who may send messages, and whose they are: the file that the setting ``mllp_peers`` names."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from countyfhir.mapping.record import Source

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

KNOWN = ("name", "source", "institution", "address", "certificate", "processing")
FORMAT = "hl7v2"
"""The format of mappings that messages can come to."""
PROCESSING_IDS = ("P", "T", "D")  # table 0103
NAMES_OF_NOBODY = 0


class PeersError(ValueError):
    """The file cannot be used; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A sender: where it calls from, the certificate it shows (name or ``sha256:`` fingerprint), its source."""

    name: str
    source: str
    institution: str | None = None
    networks: tuple[Network, ...] = ()
    certificate: str | None = None
    processing: tuple[str, ...] = ("P",)

    def is_caller(self, address: str, shown: frozenset[str]) -> bool:
        """Whether a caller from ``address`` that shows a certificate of these names is this peer."""
        if self.certificate is not None and self.certificate not in shown:
            return False
        if not self.networks:
            return self.certificate is not None
        try:
            caller = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(caller, "ipv4_mapped", None)
        caller = mapped or caller
        return any(caller.version == network.version and caller in network for network in self.networks)


def peer_of(peers: Sequence[Peer], address: str, shown: frozenset[str]) -> Peer | None:
    """The peer a caller is: the one that asks for most (certificate and address before either); None for nobody."""
    found = [one for one in peers if one.is_caller(address, shown)]
    return max(found, key=strictness, default=None)


def strictness(peer: Peer) -> tuple[bool, int]:
    return peer.certificate is not None, max((network.prefixlen for network in peer.networks), default=-1)


def loopback_peer(source: str) -> Peer:
    """Whoever calls on this machine, where no peers are configured."""
    networks = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
    return Peer("loopback", source, networks=networks)


def names_of(certificate: Mapping[str, Any] | None, der: bytes | None) -> frozenset[str]:
    """What a verified client certificate may be called by: common name, DNS names, sha256 fingerprint."""
    if not certificate or not der:
        return frozenset()
    subject = {value for part in certificate.get("subject", ()) for name, value in part if name == "commonName"}
    alternative = {value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"}
    return frozenset(subject | alternative | {f"sha256:{hashlib.sha256(der).hexdigest()}"})


def institutions(sources: Iterable[Source]) -> dict[str, frozenset[str]]:
    """The sources that take messages, each with names and codes of the institutions its mappings are of."""
    found: dict[str, frozenset[str]] = {}
    for source in sources:
        own = [one.institution for one in source.mappings if one.format.format == FORMAT]
        if own:
            found[source.name] = frozenset(text for one in own for text in (one.name, one.key))
    return found


def read_peers(path: Path, sources: Mapping[str, frozenset[str]]) -> tuple[Peer, ...]:
    """The peers of the file; ``sources`` are the known sources with names and codes of their institutions.
    PeersError names the peer and what is wrong."""
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PeersError(f"{path}: cannot be read as YAML ({type(error).__name__})") from None
    listed = data.get("peers") if isinstance(data, dict) else None
    if not isinstance(listed, list) or not listed:
        raise PeersError(f"{path}: 'peers' is a list of at least one peer")
    peers = tuple(peer(path, place, one, sources) for place, one in enumerate(listed, 1))
    if len({one.name for one in peers}) < len(peers):
        raise PeersError(f"{path}: two peers have one name")
    return peers


def peer(path: Path, place: int, one: Any, sources: Mapping[str, frozenset[str]]) -> Peer:
    """One peer, checked."""
    where = f"{path}: peer {place}"
    if not isinstance(one, dict) or not one.get("name") or not one.get("source"):
        raise PeersError(f"{where} needs a name and a source")
    where = f"{path}: peer {one['name']}"
    if unknown := [name for name in one if name not in KNOWN]:
        raise PeersError(f"{where}: '{unknown[0]}' is not known; known are {', '.join(KNOWN)}")
    if one["source"] not in sources:
        raise PeersError(
            f"{where}: the source '{one['source']}' takes no HL7 v2 messages, or is not among the mapping folders"
        )
    institution = one.get("institution")
    if institution is not None and str(institution) not in sources[one["source"]]:
        raise PeersError(f"{where}: the messages of {one['source']} are not of the institution '{institution}'")
    networks = tuple(network(where, text) for text in listed_texts(one.get("address")))
    certificate = one.get("certificate")
    if certificate is None and not networks:
        raise PeersError(f"{where} needs an address (or network), or a certificate, that it is known by")
    if certificate is None and any(each.prefixlen == NAMES_OF_NOBODY for each in networks):
        raise PeersError(f"{where}: a network of every address names nobody; add a certificate")
    return Peer(
        str(one["name"]),
        str(one["source"]),
        None if institution is None else str(institution),
        networks,
        None if certificate is None else fingerprint(str(certificate)),
        processing(where, listed_texts(one.get("processing")) or ["P"]),
    )


def listed_texts(value: Any) -> list[str]:
    return [] if value is None else [str(one) for one in value] if isinstance(value, list) else [str(value)]


def network(where: str, text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise PeersError(f"{where}: '{text}' is neither an address nor a network") from None


def processing(where: str, codes: list[str]) -> tuple[str, ...]:
    if wrong := [code for code in codes if code not in PROCESSING_IDS]:
        raise PeersError(f"{where}: processing is P (production), T (training) or D (debugging), not '{wrong[0]}'")
    return tuple(codes)


def fingerprint(text: str) -> str:
    """A fingerprint in one spelling; a name as it is."""
    if text.lower().startswith("sha256:"):
        return "sha256:" + text[7:].replace(":", "").lower()
    return text
