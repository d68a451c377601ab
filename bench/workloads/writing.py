"""create, update, conditional create and transaction against a bare loop that writes the same rows to the same kind of
store under the same pragmas, as many a commit as there are clients."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import bodies
from bench.asked import Asked
from bench.ceilings import store as bare_store
from bench.driving import Request, drive
from bench.figures import Figure, of_run
from bench.loading import put_all
from bench.serving import SCOPE, ours
from countyfhir.app import Opened
from countyfhir.exchange import Interaction, Preconditions, Principal
from tests import stores

CLIENTS = (1, 8, 32)
KEPT = 200
WAYS = (
    bodies.patient,
    (lambda n: bodies.observation(f"Patient/p{n}", n)),
    (lambda n: bodies.encounter(f"Patient/p{n}", n)),
    (lambda n: bodies.condition(f"Patient/p{n}", n)),
)
"""What is created: a patient and three clinical resources in turn."""
CALLER = Principal("bench", "key", organization="bench", scopes=(SCOPE,))


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of write: what to send over HTTP and through the one door, in the same turn. ``before`` are what must be
    there; ``weight`` is how many resources one writes."""

    name: str
    requests: Callable[[int], list[Request]]
    interaction: Callable[[int], Interaction]
    before: tuple[Interaction, ...] = ()
    clients: tuple[int, ...] = CLIENTS
    more: tuple[tuple[str, str], ...] = ()
    weight: int = 1

    def seconds(self, asked: Asked) -> float:
        """A measurement lasts long enough for some dozens of large bundles."""
        return max(asked.seconds, 5.0) if self.weight >= 100 else asked.seconds


def mixed_body(number: int) -> bodies.Resource:
    """One of the four kinds of bodies."""
    return WAYS[number % len(WAYS)](number)


def _create(body: bodies.Resource, **more: Any) -> Interaction:
    return Interaction("create", body["resourceType"], body=body, http_method="POST", principal=CALLER, **more)


def _put(name: str, body: bodies.Resource) -> Interaction:
    return Interaction("update", "Patient", name, body=body | {"id": name}, http_method="PUT", principal=CALLER)


def _changed(turn: int) -> tuple[str, bodies.Resource]:
    """An update of one of the kept residents: in every round another body."""
    return f"kept{turn % KEPT}", bodies.patient(turn + KEPT)


CREATE = Kind(
    "create",
    lambda count: [("POST", f"/{body['resourceType']}", body) for body in map(mixed_body, range(count))],
    lambda number: _create(mixed_body(number)),
)
UPDATE = Kind(
    "update",
    lambda count: [("PUT", f"/Patient/{name}", body | {"id": name}) for name, body in map(_changed, range(count))],
    lambda number: _put(*_changed(number)),
    tuple(_put(f"kept{number}", bodies.patient(number)) for number in range(KEPT)),
    (8,),
)
_CRITERIA = "identifier=urn:bench:resident|none"
CONDITIONAL = Kind(
    "conditional create",
    lambda count: [("POST", "/Patient", bodies.patient(number)) for number in range(count)],
    lambda number: _create(bodies.patient(number), preconditions=Preconditions(if_none_exist=_CRITERIA)),
    clients=(8,),
    more=(("if-none-exist", _CRITERIA),),
)


def _bundle(size: int) -> Kind:
    return Kind(
        f"transaction of {size}",
        lambda count: [("POST", "/", bodies.transaction(number, size)) for number in range(max(3, count // size))],
        lambda number: Interaction(
            "transaction", body=bodies.transaction(number, size), http_method="POST", principal=CALLER
        ),
        clients=(4,),
        weight=size,
    )


def create(asked: Asked) -> Iterator[Figure]:
    """Creates of four types."""
    return measured(asked, CREATE)


def update(asked: Asked) -> Iterator[Figure]:
    """Updates of 200 residents in turn, each with another body."""
    return measured(asked, UPDATE)


def conditional_create(asked: Asked) -> Iterator[Figure]:
    """Creates under a condition that finds nothing."""
    return measured(asked, CONDITIONAL)


def transaction(asked: Asked) -> Iterator[Figure]:
    """Transactions of 10, 100 and 500 creates linked by urn:uuid; SecantusDB does not finish four of 500 within the
    time limit of a commit."""
    sizes = (10, 100, 500) if stores.chosen == "sqlite" else (10, 100)
    return itertools.chain.from_iterable(measured(asked, _bundle(size)) for size in sizes)


def measured(asked: Asked, kind: Kind) -> Iterator[Figure]:
    """The server's figures for each number of clients, beside the bare store's."""
    count = max(3, asked.operations // kind.weight)
    embedded = stores.chosen == "sqlite"  # the ceiling is of that store
    if embedded:
        before, operations = recorded(asked.folder / f"{kind.name}.sqlite".replace(" ", "-"), kind, count)
    with ours(asked.folder) as server:
        put_all(server, (prepared.body for prepared in kind.before))
        for clients in kind.clients:
            ceiling = bare_store.rate(before, operations, clients) if embedded else None
            run = drive(
                server, kind.requests(count), clients=clients, seconds=kind.seconds(asked), more=dict(kind.more)
            )
            note = f"{run.rate * kind.weight:,.0f} resources/s" if kind.weight > 1 else ""
            yield of_run("write", f"{kind.name}, {clients} clients", run, ceiling=ceiling, note=note)


def recorded(store: Path, kind: Kind, count: int) -> tuple[Path, list[bare_store.Operation]]:
    """What ``count`` writes of the kind write, on a store where what must be there is there."""

    async def prepare(opened: Opened) -> None:
        for interaction in kind.before:
            await opened.perform(interaction)

    async def perform(opened: Opened) -> None:
        for number in range(count):
            await opened.perform(kind.interaction(number))

    if kind.before:
        bare_store.perform_on(store, prepare)
    return bare_store.record(store, perform)
