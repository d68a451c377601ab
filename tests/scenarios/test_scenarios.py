"""Every scenario of docs/scenarios runs over HTTP as it is written, against one server process with API keys."""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

from countyfhir import fhirpath
from countyfhir.access.keys import create
from countyfhir.app import open_world
from countyfhir.model import json
from countyfhir.settings import load
from tests.cli.served import served
from tests.scenarios.page import Page, Step, read
from tests.stores import store_at

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "scenarios"
PAGES = [read(path) for path in sorted(FOLDER.glob("[0-9]*.md"))]
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
ZONE = timezone(timedelta(hours=8))
NAME = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
MOMENT = re.compile(r"(now|today)(?:([+-])(\d+)([smhd]))?")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[tuple[str, str], str]]]:
    """The base of a server, and the key of everybody who takes part in a page."""
    folder: Path = tmp_path_factory.mktemp("scenarios")
    store = ("--store", store_at(folder / "county.sqlite"))
    keys: dict[tuple[str, str], str] = {}
    asyncio.run(_make_keys(store[1], keys))
    with served(folder, *store, "--auth", "keys", "--workflow-tick", "0.2") as running:
        yield running.base, keys


async def _make_keys(store: str, keys: dict[tuple[str, str], str]) -> None:
    """One key for all who act alike; what stands in the column of roles with a ``/`` is a scope."""
    made: dict[tuple[str, ...], str] = {}
    async with open_world(load({"store": store, "load_definitions": "off"})) as opened:
        for page in PAGES:
            for name, (organization, told) in page.who.items():
                if (organization, *told) not in made:
                    made[organization, *told], _ = await create(
                        opened.store.keys,
                        name=f"{organization} {' '.join(told)}".strip(),
                        organization=organization,
                        scopes=[one for one in told if "/" in one] or ["system/*.cruds"],
                        roles=[one for one in told if "/" not in one],
                        expires=None,
                    )
                keys[page.path.name, name] = made[organization, *told]


@pytest.mark.parametrize("page", PAGES, ids=[page.path.stem for page in PAGES])
def test_the_scenario_is_true(page: Page, server: tuple[str, dict[tuple[str, str], str]]) -> None:
    """Each request is answered as the page says."""
    base, keys = server
    assert page.steps
    known = {f"base64 {name}": base64.b64encode(content.encode()).decode() for name, content in page.files.items()}
    with httpx.Client(base_url=base.rstrip("/").removesuffix("/fhir"), timeout=60) as client:
        for step in page.steps:
            _perform(step, page, known, lambda who, page=page: keys[page.path.name, who], client)


def _perform(step: Step, page: Page, known: dict[str, str], key: Callable[[str], str], client: httpx.Client) -> None:
    where = f"{page.path.name}:{step.line} {step.method} {step.path}"
    expected = [one.strip() for one in step.expected if one.strip() and not one.startswith("#")]
    patience = next((float(one.split()[1]) for one in expected if one.startswith("wait ")), 0.0)
    expected = [one for one in expected if not one.startswith("wait ")]
    end = time.monotonic() + patience
    while True:
        answer = _ask(step, known, key, client)
        problem = _problem(answer, expected, known)
        if problem is None:
            return
        assert time.monotonic() < end, f"{where}: {problem}\n{answer.status_code} {answer.text[:3000]}"
        time.sleep(0.2)


def _ask(step: Step, known: dict[str, str], key: Callable[[str], str], client: httpx.Client) -> httpx.Response:
    headers = {name: filled(value, known) for name, value in step.headers.items() if name != "As"}
    if "As" in step.headers:
        headers["Authorization"] = f"Bearer {key(step.headers['As'])}"
    headers.setdefault("Content-Type", "application/fhir+json")
    body = filled(step.body, known).encode() or None
    return client.request(step.method, filled(step.path, known), headers=headers, content=body)


def _problem(answer: httpx.Response, expected: list[str], known: dict[str, str]) -> str | None:
    """What does not hold, or None; values are kept on the way."""
    if str(answer.status_code) != expected[0]:
        return f"expected {expected[0]}"
    body = json.parse(answer.content) if answer.content.startswith(b"{") else {}
    for line in expected[1:]:
        name, told, path = line.partition(" := ")
        text = filled(path if told else line, known)
        if text.startswith("text "):
            if text.removeprefix("text ") not in answer.text:
                return f"not in the answer: {text}"
            continue
        found = fhirpath.compile(text)(body)
        if told:
            if len(found) != 1:
                return f"{text} is not one value"
            known[name.strip()] = str(found[0].value)
        elif [one.value for one in found] != [True]:
            return f"not true: {text} ({[one.value for one in found]})"
    return None


def filled(text: str, known: dict[str, Any]) -> str:
    """The text with its ``{{names}}`` replaced."""

    def value(match: re.Match[str]) -> str:
        moment = MOMENT.fullmatch(match[1])
        if moment is None:
            return str(known[match[1]])
        shift = timedelta(**{UNITS[moment[4]]: int(moment[3])}) if moment[2] else timedelta()
        then = datetime.now(ZONE) + (-shift if moment[2] == "-" else shift)
        return then.date().isoformat() if moment[1] == "today" else then.isoformat(timespec="milliseconds")

    return NAME.sub(value, text)
