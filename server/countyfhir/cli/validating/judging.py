"""Texts judged, by this process or by several: each worker keeps terminology and profiles of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from countyfhir.cli.validating.inputs import Text
from countyfhir.model import json, json_places, xml, xml_places
from countyfhir.outcome import FhirError, Issue
from countyfhir.shipped import folders
from countyfhir.validation.check import Wanted, check
from countyfhir.validation.rules.finding import Knowledge, knowledge_of

CHUNK = 200
AHEAD = 4
"""Chunks that each worker may have waiting, so that memory stays flat."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of every resource, and where profiles and terminology lie beside those that ship."""

    profiles: tuple[str, ...] = ()
    profile_folders: tuple[Path, ...] = ()
    terminology_folders: tuple[Path, ...] = ()
    structure_only: bool = False


Judged = tuple[Text, tuple[Issue, ...]]


class Judge:
    """Judges texts; made once in each process."""

    def __init__(self, demand: Demand) -> None:
        from countyfhir.terminology.knowledge import open_terminology
        from countyfhir.validation.profiles import Profiles

        self.wanted = Wanted(True, demand.profiles)
        self.knowledge = Knowledge()
        self.structure_only = demand.structure_only
        if not demand.structure_only:
            terminology = open_terminology(None, folders("terminology", demand.terminology_folders))
            registry = Profiles(folders=folders("profiles", demand.profile_folders))
            self.knowledge = knowledge_of(terminology, registry.profile_check, extensions=registry.extension_findings)

    def __call__(self, text: Text) -> tuple[Issue, ...]:
        """Everything that can be said of the text."""
        if text.problem:
            return (Issue("structure", text.problem),)
        try:
            resource = xml.parse(text.body) if text.is_xml else json.parse(text.body)
        except FhirError as error:
            return error.issues
        if self.structure_only:
            from countyfhir.validation import structure

            return tuple(structure.check(resource))
        return self._placed(text, check(resource, self.knowledge, self.wanted))

    def _placed(self, text: Text, issues: list[Issue]) -> tuple[Issue, ...]:
        """With line and column, where the text is the file."""
        if not text.whole or not any(issue.severity == "error" for issue in issues):
            return tuple(issues)
        find = xml_places.places if text.is_xml else json_places.places
        found = find(text.body, [issue.expression[0] for issue in issues if issue.expression])
        return tuple(
            replace(issue, line=found[issue.expression[0]][0], column=found[issue.expression[0]][1])
            if issue.expression and issue.expression[0] in found
            else issue
            for issue in issues
        )


def judged(texts: Iterable[Text], demand: Demand, jobs: int) -> Iterator[Judged]:
    """Each text with its issues, in order. ``jobs`` processes share the work; few chunks are read ahead."""
    if jobs == 1:
        judge = Judge(demand)
        for text in texts:
            yield text, judge(text)
        return
    reading = iter(texts)
    waiting: deque[Future[list[Judged]]] = deque()
    with ProcessPoolExecutor(jobs, initializer=_start, initargs=(demand,)) as pool:
        while True:
            while len(waiting) < jobs * AHEAD and (chunk := list(islice(reading, CHUNK))):
                waiting.append(pool.submit(_chunk, chunk))
            if not waiting:
                return
            yield from waiting.popleft().result()


_judge: Judge | None = None


def _start(demand: Demand) -> None:
    global _judge  # noqa: PLW0603 - a worker process keeps one
    _judge = Judge(demand)


def _chunk(texts: list[Text]) -> list[Judged]:
    assert _judge is not None
    return [(text._replace(body=b""), _judge(text)) for text in texts]
