"""`countyfhir persons`: the queue of questions, decisions, and linking anew."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from countyfhir.app import open_world
from countyfhir.cli import application
from countyfhir.exchange import Interaction
from countyfhir.settings import load


def said(store: str, *arguments: str) -> str:
    """What a command of the group prints."""
    done = CliRunner().invoke(application("persons"), ["persons", *arguments, "--store", store])
    assert done.exit_code == 0, done.output
    return str(done.output)


def test_a_question_is_listed_and_decided(tmp_path: Path) -> None:
    """Two namesakes wait for a human; linked and unlinked by command; rebuilding changes nothing."""
    store = f"sqlite:{tmp_path}/county.sqlite"

    async def filled() -> None:
        async with open_world(load({"store": store, "load_definitions": "off"})) as opened:
            for name in ("one", "other"):
                made: dict[str, Any] = {"resourceType": "Patient", "id": name, "name": [{"text": "欧阳修远"}]}
                made |= {"birthDate": "1961-07-30", "gender": "male"}
                await opened.perform(Interaction("update", "Patient", name, body=made))

    asyncio.run(filled())
    listed = said(store, "review")
    assert "Patient/one" in listed
    assert "probable" in listed
    assert "one person" in said(store, "link", "one", "other")
    assert "person-review" not in said(store, "review")
    assert "2 records looked at, 0 resources" in said(store, "rebuild")
    assert "taken back" in said(store, "link", "one", "other", "--undo")
