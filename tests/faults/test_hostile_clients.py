"""Whatever clients do (too much, too deep, too slow, half, nothing at all), the server says what is wrong or waits,
keeps answering others, and its memory stays as it was."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.serving import Server, process_of

MEGABYTE = 2**20
IDLE = 1000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server process with usual settings."""
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[2] / "server")
    store = tmp_path_factory.mktemp("hostile") / "county.sqlite"
    with process_of(store) as (port, process):
        made = Server(port, process, store)
        assert made.request("PUT", "/Patient/here", b'{"resourceType":"Patient","id":"here"}')[0] == 201
        yield made


def answers(server: Server) -> bool:
    """Whether others are answered."""
    return server.request("GET", "/Patient/here")[0] == 200


def memory(server: Server) -> float:
    """Resident megabytes."""
    return server.memory()[0]


def refused(server: Server, body: bytes, content_type: str = "application/fhir+json", path: str = "/Patient") -> str:
    """A POST that is refused with an OperationOutcome; its status and diagnostics."""
    status, answer = server.request("POST", path, body, **{"content-type": content_type, "accept": "application/json"})
    assert 400 <= status < 500, (status, answer[:300])
    outcome = json.loads(answer)
    assert outcome["resourceType"] == "OperationOutcome"
    return f"{status} {outcome['issue'][0]['diagnostics']}"


def opened(server: Server) -> socket.socket:
    """A bare connection."""
    return socket.create_connection(("127.0.0.1", server.port), 30)


def said_until_closed(connection: socket.socket) -> bytes:
    """What the server says until it hangs up."""
    text = b""
    try:
        while piece := connection.recv(65536):
            text += piece
    except OSError:
        pass
    return text


@pytest.mark.parametrize("told", [True, False], ids=["told beforehand", "in chunks"])
def test_a_body_of_100_megabytes_is_413_and_held_nowhere(server: Server, told: bool) -> None:
    """Refused at once when its length is told, else when the limit is passed; memory does not keep it."""
    before = memory(server)
    with opened(server) as connection:
        length = f"content-length: {100 * MEGABYTE}" if told else "transfer-encoding: chunked"
        head = f"POST /fhir/Patient HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{length}\r\n\r\n"
        connection.sendall(head.encode())
        piece = b" " * MEGABYTE
        try:
            for _ in range(100):
                connection.sendall(piece if told else b"%x\r\n%s\r\n" % (len(piece), piece))
        except OSError:
            pass  # it has said what it had to say
        connection.settimeout(20)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answers(server)
    assert memory(server) - before < 64 + 40  # what came before the limit may still lie with the allocator


def test_json_and_xml_of_10000_levels_are_400(server: Server) -> None:
    """No recursion ends the worker."""
    depth = 10_000
    objects, xml = b'{"a":' * depth + b"1" + b"}" * depth, b"<a>" * depth + b"</a>" * depth
    bodies = (
        (b'{"resourceType":"Patient","name":' + b"[" * depth + b"]" * depth + b"}", "application/fhir+json"),
        (b'{"resourceType":"Patient","contained":[' + objects + b"]}", "application/json"),
        (b'<Patient xmlns="http://hl7.org/fhir">' + xml + b"</Patient>", "application/fhir+xml"),
    )
    for body, content_type in bodies:
        assert refused(server, body, content_type).startswith("400 ")
    extension = b'{"url":"urn:x","extension":[' * 2000 + b'{"url":"urn:x","valueCode":"x"}' + b"]}" * 2000
    refused(server, b'{"resourceType":"Patient","extension":[' + extension + b"]}")
    assert answers(server)


def test_huge_arrays_are_answered(server: Server) -> None:
    """10,000 wrong entries do not make an answer of 10,000 issues; 5,000 right ones are stored."""
    wrong = json.dumps({"resourceType": "Patient", "name": [{"x": 1}] * 10_000}).encode()
    status, answer = server.request("POST", "/Patient", wrong)
    assert status in (400, 422)
    assert len(answer) < len(wrong) * 40
    right = {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": str(n)} for n in range(5000)]}
    status, answer = server.request("POST", "/Patient", json.dumps(right).encode())
    assert status == 201
    assert server.request("GET", "/Patient?identifier=urn:x|4999&_elements=id")[0] == 200


@pytest.mark.parametrize(
    "body",
    [
        b'{"resourceType":"Patient","name":[{"family":"\xff\xfe"}]}',
        b"\xc3\x28",
        b'{"resourceType":"Patient","id":"\xed\xa0\x80"}',
    ],
    ids=["a lone byte", "no JSON at all", "half a surrogate"],
)
def test_invalid_utf8_is_400(server: Server, body: bytes) -> None:
    """In bodies and in query strings."""
    assert refused(server, body).startswith("400 ")
    assert server.request("GET", "/Patient?name=%ff%fe")[0] == 400


def test_a_connection_dropped_in_the_middle_leaves_nothing(server: Server) -> None:
    """Neither half a resource nor a worker that waits for the rest."""
    body = b'{"resourceType":"Patient","id":"dropped"}'
    for sent in (0, 1, len(body) // 2, len(body) - 1):
        with opened(server) as connection:
            head = f"PUT /fhir/Patient/dropped HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body[:sent])
    assert server.request("GET", "/Patient/dropped")[0] == 404
    assert answers(server)


def test_slow_clients_hold_up_nobody(server: Server) -> None:
    """Some send a byte now and then, some never read what they asked for; others are answered."""
    with ExitStack() as held:
        slow = [held.enter_context(opened(server)) for _ in range(20)]
        for connection in slow:
            connection.sendall(b"PUT /fhir/Patient/slow HTTP/1.1\r\nhost: localhost\r\ncontent-length: 38\r\n\r\n{")
        deaf = [held.enter_context(opened(server)) for _ in range(5)]
        for connection in deaf:
            connection.sendall(b"GET /fhir/metadata HTTP/1.1\r\nhost: localhost\r\n\r\n" * 20)
        assert answers(server)
        slow[0].sendall(b'"resourceType":"Patient","id":"slow"}')
        assert slow[0].recv(4096).startswith(b"HTTP/1.1 201 ")
        assert answers(server)


def test_1000_idle_connections_cost_little(server: Server) -> None:
    """Others are answered meanwhile, and the memory they take is small."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < IDLE + 200:
        if hard < IDLE + 200:
            pytest.skip("this system does not let us open so many connections")
        resource.setrlimit(resource.RLIMIT_NOFILE, (IDLE + 200, hard))
    before = memory(server)
    with ExitStack() as held:
        for _ in range(IDLE):
            held.enter_context(opened(server))
        assert answers(server)
        assert memory(server) - before < 60
    assert answers(server)


def test_garbage_instead_of_http_is_400_or_closed(server: Server) -> None:
    """Lines that are no HTTP, headers without end, a method of a megabyte."""
    for text in (
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"A" * 200_000 + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ):
        with opened(server) as connection:
            try:
                connection.sendall(text)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                continue
            assert said_until_closed(connection)[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 505", b"HTTP/1.1 404")
    assert answers(server)


def test_the_limit_of_bodies_is_a_setting(tmp_path: Path) -> None:
    """Who wants 100 MB sets so; a resource of a little more than the usual limit is then taken."""
    store = tmp_path / "large.sqlite"
    with process_of(store, max_body_bytes=str(120 * MEGABYTE), validation="structure") as (port, process):
        server = Server(port, process, store)
        body = b'{"resourceType":"Binary","contentType":"text/plain","data":"' + b"QUJD" * (17 * MEGABYTE) + b'"}'
        assert server.request("POST", "/Binary", body)[0] == 201
        assert server.request("GET", "/metadata")[0] == 200


def test_many_at_once_are_all_answered(server: Server) -> None:
    """A hundred connections that ask at the same moment."""

    async def asked() -> list[bytes]:
        async def one() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /fhir/Patient/here HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            return answer[:12]

        return await asyncio.gather(*(one() for _ in range(100)))

    assert set(asyncio.run(asked())) == {b"HTTP/1.1 200"}
