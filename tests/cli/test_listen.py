"""The command that takes HL7 v2 messages: it listens only where it may, stores what comes, ends in order."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.served import environment, free_port

MESSAGE = (
    "MSH|^~\\&|LISA|中心|PLATFORM|COUNTY|20250106114608||ADT^A04|1|P|2.4||||||UNICODE UTF-8\rEVN|A04|20250106114608\r"
    "PID|1||30015^^^QHJYZX^PI||宋宝山||19470713|M\rPV1|1|O\r"
)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "--source"),
        (("--source", "mars"), "lis-centre"),
        (("--mllp-host", "0.0.0.0"), "mllp_peers"),
        (("--mllp-key", "none.pem"), "mllp_certificate"),
    ],
)
def test_what_is_not_clear_or_not_safe_is_refused(run: Run, arguments: tuple[str, ...], told: str) -> None:
    """In lines that say what to set."""
    done = run("listen", *arguments)
    assert done.code == 2
    assert told in done.err


def test_a_file_of_senders_that_cannot_be_used(run: Run, tmp_path: Path) -> None:
    """One line from listen, a finding from doctor."""
    (tmp_path / "peers.yaml").write_text("peers: [{name: a, source: mars, address: 10.0.0.1}]")
    assert "mars" in run("listen", "--mllp-peers", "peers.yaml").err
    assert "mars" in run("doctor", "--mllp-peers", "peers.yaml").out


def test_a_message_is_taken_and_the_listener_ends_in_order(run: Run, tmp_path: Path) -> None:
    """A system sends, gets AA, figures tell of it, and the person is in the store after SIGTERM."""
    port, figures = free_port(), free_port()
    command = [sys.executable, "-m", "countyfhir", "listen", "--source", "lis-centre", "--mllp-port", str(port)]
    command += ["--load-definitions", "off", "--mllp-metrics-port", str(figures)]
    with (tmp_path / "said").open("w+") as said:
        listener = subprocess.Popen(command, cwd=tmp_path, stderr=said, stdout=said, env=environment())
        try:
            with connected(port) as line:
                line.sendall(b"\x0b" + MESSAGE.encode() + b"\x1c\r")
                assert b"MSA|AA|1|stored\r" in line.recv(4096)
                told = page(figures, "/metrics")
            assert "countyfhir_mllp_messages_total 1\n" in told
            assert "countyfhir_mllp_open_connections 1\n" in told
            assert 'countyfhir_intake_records_total{source="lis-centre' in told
            assert 'countyfhir_store_seconds_count{call="commit"} ' in told
            assert '"status":"ready"' in page(figures, "/readyz")
            listener.send_signal(signal.SIGTERM)
            code = listener.wait(30)
        finally:
            listener.kill()
        said.seek(0)
        assert (code, "stored 1" in said.read()) == (0, True)


def page(port: int, path: str) -> str:
    """What the listener tells of itself."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        return str(answer.read(), "utf-8")


def connected(port: int) -> socket.socket:
    """A connection, as soon as something listens."""
    for _ in range(900):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=20)
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise TimeoutError
