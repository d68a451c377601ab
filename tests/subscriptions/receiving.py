"""A receiver of notifications that really listens: an HTTP server on a free port of this machine, which keeps what it
is sent and answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Request:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        """The type of notification that a Bundle carries."""
        return str(parameter(self.json["entry"][0]["resource"], "type"))

    @property
    def numbers(self) -> list[int]:
        """The numbers of the events in a Bundle."""
        told = self.json["entry"][0]["resource"]["parameter"]
        return [int(one["part"][0]["valueString"]) for one in told if one["name"] == "notification-event"]


def parameter(parameters: dict[str, Any], name: str) -> Any:
    """The value of a parameter."""
    one = next(one for one in parameters["parameter"] if one["name"] == name)
    return next(value for key, value in one.items() if key.startswith("value"))


class Quiet(ThreadingHTTPServer):
    """A server that says nothing of senders that died."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing is written to the console."""


@dataclass
class Receiver:
    """``answers`` gives the status for each request (200 when it gives None; 0: it takes it and dies before it can
    answer); what is answered 2xx, or not at all, is ``taken``."""

    answers: Callable[[Request], int | None] = lambda request: None
    requests: list[Request] = field(default_factory=list)
    taken: list[Request] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self.start(0)

    def start(self, port: int) -> None:
        """Listen; 0: on any port that is free."""
        self.server = Quiet(("127.0.0.1", port), _handler(self))
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/told"

    def wait(self, count: int, *, within: float = 20.0) -> list[Request]:
        """Until so many were taken."""
        until = time.monotonic() + within
        with self.came:
            while len(self.taken) < count:
                assert self.came.wait(until - time.monotonic()), f"{len(self.taken)} of {count} came"
            return list(self.taken)

    @property
    def events(self) -> list[Request]:
        """The notifications of events that were taken."""
        return [one for one in self.taken if one.kind == "event-notification"]

    def close(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.server.server_close()


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, body)
            receiver.requests.append(request)
            told = receiver.answers(request)
            status = 200 if told is None else told
            if status:
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()
            else:
                self.close_connection = True
            if status < 300:
                with receiver.came:
                    receiver.taken.append(request)
                    receiver.came.notify_all()

        do_POST = do_PUT = answer  # noqa: N815 - names of the standard library

        def log_message(self, *arguments: Any) -> None:
            """Nothing is written to the console."""

    return Handler
