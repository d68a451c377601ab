"""``bench/fuzz``: made-up requests over HTTP to a real server: no 5xx, no dead worker, memory that stays.

Paths, parameters, headers, bodies, patches and damaged official examples, from the strategies of the tests; hypothesis
draws one of ten, the others are drawn ones put together anew or with bytes of their bodies changed, which costs the
driver little beside the server.
"""

from __future__ import annotations

import argparse
import http.client
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from bench.serving import Server, process_of
from countyfhir.model import json
from countyfhir.model.library import examples
from tests.http import test_no_input_makes_a_500 as drawn

WARM = 2_000
"""Inputs after which memory is looked at for the first time: caches are filled by then."""
LEAK = 60.0
"""Megabytes by which memory may grow after that."""
PART, RECOMBINED = 5_000, 9
"""Inputs in one go of hypothesis and what follows from it; inputs made of drawn ones for each that is drawn."""


@dataclass(frozen=True, slots=True)
class Input:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(slots=True)
class Found:
    """What became of the inputs."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


@st.composite
def requests(draw: st.DrawFn) -> Input:
    """Any method on any path with any parameters, headers and body."""
    path = quote("/".join(draw(st.lists(drawn.SEGMENT, max_size=4))), safe="/%")
    pairs = draw(st.lists(st.tuples(st.sampled_from(drawn.NAMES), drawn.VALUE), max_size=3))
    query = urlencode([(name, value.encode("utf-8", "replace")) for name, value in pairs])
    return Input(draw(drawn.METHODS), f"{path}?{query}" if query else path, draw(drawn.HEADERS), draw(drawn.BODY))


@st.composite
def patches(draw: st.DrawFn) -> Input:
    """Patches of a patient that is there."""
    return Input("PATCH", "Patient/patched", {"Content-Type": draw(drawn.TYPES)}, json.dumps(draw(drawn.PATCH)))


SMALL = sorted(content for _, content in examples(drawn.ARCHIVE) if len(content) < 4_000)


@st.composite
def damaged(draw: st.DrawFn) -> Input:
    """An official example with values lost, moved or replaced: by itself, validated only, or in a bundle."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    whole = json.parse(chance.choice(SMALL))
    kind, resource = whole["resourceType"], drawn.damaged(whole, chance)
    form = draw(st.sampled_from(("create", "validate", "bundle", "torn")))
    if form == "torn":
        return Input("POST", kind, {"Content-Type": drawn.JSON}, drawn.torn(json.dumps(whole), chance))
    if form == "bundle":
        row = {"resource": resource, "request": {"method": "POST", "url": kind}}
        bundle = {"resourceType": "Bundle", "type": chance.choice(("batch", "transaction")), "entry": [row]}
        return Input("POST", "", {"Content-Type": drawn.JSON}, json.dumps(bundle))
    path = f"{kind}/$validate" if form == "validate" else kind
    return Input("POST", path, {"Content-Type": drawn.JSON}, json.dumps(resource))


INPUTS = st.one_of(requests(), requests(), patches(), damaged())


def recombined(drawn_ones: Sequence[Input], chance: random.Random) -> Input:
    """An input put together from drawn ones: method and path of one, parameters, headers and body of others; or one
    with another body's bytes changed, cut out or doubled."""
    one, other, third = chance.choice(drawn_ones), chance.choice(drawn_ones), chance.choice(drawn_ones)
    path, query, body = one.path, "", one.body
    if chance.random() < 0.5:
        path, query = one.path.partition("?")[0], other.path.partition("?")[2]
        path = f"{path}?{query}" if query else path
    method = other.method if chance.random() < 0.3 else one.method
    headers = {**third.headers, **one.headers} if chance.random() < 0.3 else one.headers
    if chance.random() < 0.3:
        headers, body = other.headers, other.body
    return Input(method, path, headers, mutilated(body, chance) if body and chance.random() < 0.5 else body)


def mutilated(body: bytes, chance: random.Random) -> bytes:
    """The bytes with a few of them changed, cut out or doubled."""
    changed = bytearray(body)
    for _ in range(chance.choice((1, 2, 8))):
        place, length = chance.randrange(len(changed) + 1), chance.choice((1, 4, 40))
        piece = changed[place : place + length]
        changed[place : place + length] = chance.choice((b"", piece * 2, chance.randbytes(len(piece)), b"null", b"{"))
    return bytes(changed)


class Driver:
    """Sends inputs to a server and notes what is wrong with the answers."""

    def __init__(self, server: Server) -> None:
        self.server, self.found = server, Found()
        self._connection: http.client.HTTPConnection | None = None
        self.send(Input("PUT", "Patient/patched", {}, b'{"resourceType":"Patient","id":"patched"}'))

    def send(self, one: Input) -> None:
        """Send one input."""
        try:
            status = self._answered(one)
        except (OSError, http.client.HTTPException):
            self._connection = None  # it may have been closed after the answer before
            try:
                status = self._answered(one)
            except (OSError, http.client.HTTPException) as error:
                self._connection = None
                self.found.wrong.append(f"{one}: no answer ({type(error).__name__})")
                return
        self.found.statuses[status] += 1
        if status >= 500:
            self.found.wrong.append(f"{status}: {one}")
            print(self.found.wrong[-1], file=sys.stderr, flush=True)  # noqa: T201 - found at once, not in an hour
        if self.found.statuses.total() % 1000 == 0:
            self.found.memory.append(self.server.memory()[0])

    def _answered(self, one: Input) -> int:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        headers = {name: value.encode("latin-1", "replace").decode("latin-1") for name, value in one.headers.items()}
        self._connection.request(one.method, f"/fhir/{one.path}", one.body, headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status


def fuzzed(server: Server, inputs: int, seed: int) -> Found:
    """Send so many inputs."""
    driver, drawn_ones, chance = Driver(server), list[Input](), random.Random(seed)

    @seeded(seed)
    @settings(
        max_examples=max(1, inputs // (1 + RECOMBINED)), phases=[Phase.generate], database=None, deadline=None,
        derandomize=False, suppress_health_check=list(HealthCheck), verbosity=Verbosity.quiet,
    )  # fmt: skip
    @given(INPUTS)
    def sent(one: Input) -> None:
        drawn_ones.append(one)
        driver.send(one)

    sent()
    for _ in range(inputs - len(drawn_ones)):
        driver.send(recombined(drawn_ones, chance))
    return driver.found


def problems(found: Found, server: Server) -> Iterator[str]:
    """What is wrong: answers, a worker that died, memory that grew."""
    yield from found.wrong[:20]
    if server.process.poll() is not None:
        yield f"the server ended with {server.process.returncode}"
    settled = found.memory[WARM // 1000 :]
    if settled and settled[-1] - settled[0] > LEAK:
        yield f"memory grew from {settled[0]:.0f} to {settled[-1]:.0f} MB"


def main() -> int:
    """Send, count, say what was wrong; 1 when anything was."""
    asked = argparse.ArgumentParser(prog="bench/fuzz", description=__doc__)
    asked.add_argument("--inputs", type=int, default=100_000)
    asked.add_argument("--seed", type=int, default=1)
    options = asked.parse_args()
    wrong, sent = 0, 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        store = Path(folder) / "fuzz.sqlite"
        with process_of(store) as (port, process):
            server = Server(port, process, store)
            found = Found()
            while sent < options.inputs:  # in parts: hypothesis remembers what it drew
                part = min(PART, options.inputs - sent)
                one = fuzzed(server, part, options.seed + sent)
                sent += one.statuses.total() - 1
                found = Found(found.statuses + one.statuses, found.wrong + one.wrong, found.memory + one.memory)
                memory = found.memory[-1] if found.memory else server.memory()[0]
                print(f"{sent:,} inputs, {len(found.wrong)} wrong, {memory:.0f} MB", file=sys.stderr, flush=True)  # noqa: T201
                if process.poll() is not None:
                    break
            for problem in problems(found, server):
                print(problem)  # noqa: T201 - a command says what it found
                wrong += 1
    said = ", ".join(f"{status}: {count:,}" for status, count in sorted(found.statuses.items()))
    memory = (
        f"{found.memory[WARM // 1000]:.0f} to {found.memory[-1]:.0f}" if found.memory[WARM // 1000 :] else "not seen"
    )
    print(f"{sent:,} inputs ({said}); memory {memory} MB; {wrong} problems")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
