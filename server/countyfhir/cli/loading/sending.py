"""Loading files into a destination: grouped, several groups at once, each refusal traced to its resource."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from countyfhir.cli.loading.destination import Destination, Reply
from countyfhir.cli.loading.files import Piece, pieces, transaction
from countyfhir.cli.loading.ledger import Ledger

GROUP_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbouring pieces of one file that are sent together; ``first`` to ``behind`` are their places in the file."""

    file: Path
    first: int
    behind: int
    pieces: tuple[Piece, ...]
    offset: int


@dataclass(slots=True)
class Tally:
    """What a load came to. ``refused`` holds (file, place, reason)."""

    loaded: int = 0
    skipped_files: int = 0
    resumed: int = 0
    refused: list[tuple[Path, str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Load:
    """How to load: where to, how many resources a group, how many groups at once, whom to tell how far it is."""

    destination: Destination
    ledger: Ledger
    group_size: int
    concurrency: int
    tell: Callable[[Path, int, Tally], None]


async def load(files: Sequence[Path], how: Load) -> Tally:
    """Load the files in their order. A resource that stands twice ends as the later one: a group waits until no group
    that writes one of its resources is under way. Unreachable stops everything; what was done is in the ledger."""
    tally = Tally()
    under_way: dict[asyncio.Task[None], frozenset[str]] = {}
    try:
        for file in files:
            if how.ledger.finished(file):
                tally.skipped_files += 1
                continue
            await _load_file(file, how, tally, under_way)
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
    return tally


async def _load_file(file: Path, how: Load, tally: Tally, under_way: dict[asyncio.Task[None], frozenset[str]]) -> None:
    start = how.ledger.done(file)
    tally.resumed += start
    for group in groups(file, start, how.group_size):
        keys = frozenset(piece.key for piece in group.pieces if piece.key)
        while len(under_way) >= how.concurrency or any(keys & others for others in under_way.values()):
            await _some_done(under_way)
        under_way[asyncio.create_task(_load_group(group, how, tally))] = keys
    while under_way:
        await _some_done(under_way)
    how.ledger.finish(file)


async def _some_done(under_way: dict[asyncio.Task[None], frozenset[str]]) -> None:
    done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        del under_way[task]
        task.result()


def groups(file: Path, start: int, size: int) -> Iterator[Group]:
    """The pieces of the file from number ``start`` on, in groups: a bundle alone, resources up to ``size`` of them (and
    4 MB) and none twice."""
    waiting: list[Piece] = []
    for piece in pieces(file):
        if piece.index < start:
            continue
        if waiting and _closes(waiting, piece, size):
            yield _group(waiting)
            waiting = []
        waiting.append(piece)
    if waiting:
        yield _group(waiting)


def _closes(waiting: list[Piece], piece: Piece, size: int) -> bool:
    return (
        len(waiting) >= size
        or "bundle" in (piece.kind, waiting[-1].kind)
        or sum(len(each.body) for each in waiting) + len(piece.body) > GROUP_BYTES
        or (piece.key is not None and any(each.key == piece.key for each in waiting))
    )


def _group(waiting: list[Piece]) -> Group:
    last = waiting[-1]
    return Group(last.file, waiting[0].index, last.index + 1, tuple(waiting), last.offset)


async def _load_group(group: Group, how: Load, tally: Tally) -> None:
    for piece in group.pieces:
        if piece.kind == "problem":
            tally.refused.append((piece.file, piece.place, piece.problem))
    resources = [piece for piece in group.pieces if piece.kind == "resource"]
    if resources:
        await _load_resources(resources, how, tally)
    for piece in group.pieces:
        if piece.kind == "bundle":
            _count_bundle(piece, await how.destination.send(piece.body), tally)
    how.ledger.mark(group.file, group.first, group.behind)
    how.tell(group.file, group.offset, tally)


async def _load_resources(resources: list[Piece], how: Load, tally: Tally) -> None:
    """All at once; when that is refused, each half, until the resource that is at fault stands alone."""
    reply = await how.destination.send(transaction(resources))
    if reply.status < 300:
        tally.loaded += len(resources)
    elif len(resources) == 1:
        tally.refused.append((resources[0].file, resources[0].place, reason(reply)))
    else:
        middle = len(resources) // 2
        await _load_resources(resources[:middle], how, tally)
        await _load_resources(resources[middle:], how, tally)


def _count_bundle(piece: Piece, reply: Reply, tally: Tally) -> None:
    if reply.status >= 300:
        tally.refused.append((piece.file, piece.place, reason(reply)))
        return
    for number, entry in enumerate(reply.body.get("entry", ()), 1):
        answer: Mapping[str, Any] = entry.get("response", {})
        status = str(answer.get("status", "200"))[:3]
        if status < "300":
            tally.loaded += 1
        else:
            outcome = answer.get("outcome") or {}
            tally.refused.append((piece.file, f"entry {number}", reason(Reply(int(status), outcome))))


def reason(reply: Reply) -> str:
    """Why something was refused, in the destination's own words: status and first error of its OperationOutcome."""
    issues = reply.body.get("issue") or ()
    errors = [issue for issue in issues if issue.get("severity") in ("fatal", "error")] or list(issues)
    if not errors:
        return f"status {reply.status}"
    issue = errors[0]
    text = issue.get("diagnostics") or (issue.get("details") or {}).get("text") or issue.get("code", "")
    place = f" ({', '.join(issue['expression'])})" if issue.get("expression") else ""
    more = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
    return f"status {reply.status}: {text}{place}{more}"
