"""Over TLS a sender is known by the certificate that it shows, and by nothing else where its peer says so."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from countyfhir.mllp.listener import Listener, server_context
from countyfhir.mllp.peers import Peer

from .conftest import Bench, Line, adt, answer


class Authority:
    """A certificate authority of the test, and what it signs, as PEM files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self.path = folder / "ca.pem"
        self.path.write_bytes(self.signed(self.name, self.key.public_key(), authority=True))

    def signed(self, name: x509.Name, key: Any, *, authority: bool) -> bytes:
        start = datetime.now(UTC) - timedelta(days=1)
        builder = (
            x509.CertificateBuilder(self.name, name, key, x509.random_serial_number(), start, start + timedelta(days=9))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def certificate(self, name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate, private = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(self.signed(subject, key.public_key(), authority=False))
        form = serialization.PrivateFormat.PKCS8
        private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        return certificate, private


@pytest.mark.parametrize(("shown", "known"), [("lis", True), ("other", False), (None, False)])
def test_a_sender_is_its_certificate(bench: Bench, tmp_path: Path, shown: str | None, known: bool) -> None:
    """The right one is answered; another of the same authority, or none, is hung up on."""
    authority = Authority(tmp_path)
    tls = server_context(*authority.certificate("server"), authority.path)
    client = ssl.create_default_context(cafile=str(authority.path))
    if shown:
        client.load_cert_chain(*authority.certificate(shown))

    async def work(line: Line) -> None:
        ours = line.listener
        listener = Listener((Peer("lis", "s", certificate="lis"),), ours.lanes, ours.office, ours.limits)
        port = await listener.start("127.0.0.1", 0, tls)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="localhost")
        line.writers.append(writer)
        writer.write(b"\x0b" + adt("1") + b"\x1c\r")
        if known:
            assert (await answer(reader))[1][1] == "AA"
        else:
            assert await asyncio.wait_for(reader.read(), 10) == b""
            assert await line.read("Patient") == []
        await listener.stop(5)

    bench(work)
