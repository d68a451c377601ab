"""``countyfhir migrate`` copies a store, indexes it and says that both hold the same."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from countyfhir.app import Opened, open_world
from countyfhir.cli import main
from countyfhir.exchange import Interaction
from countyfhir.settings import load
from tests.mongodb_server import database_uri


def asked(place: str, *interactions: Interaction) -> list[bytes]:
    """What a server on the store answers."""

    async def story() -> list[bytes]:
        async with open_world(load({"store": place, "load_definitions": "off", "audit": "off"})) as opened:
            return [await _body(opened, each) for each in interactions]

    return asyncio.run(story())


async def _body(opened: Opened, interaction: Interaction) -> bytes:
    body = (await opened.perform(interaction)).body
    assert isinstance(body, bytes)
    return body


def test_a_store_moves_to_mongodb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with equal counts and hashes; searches and history answer as before."""
    source, target = f"sqlite:{tmp_path / 'county.sqlite'}", database_uri()
    patient = {"resourceType": "Patient", "id": "p1", "name": [{"family": "欧阳"}], "birthDate": "1980-01-01"}
    search = Interaction("search-type", "Patient", query=(("name", "ouyang"), ("_sort", "birthdate")))
    history = Interaction("history-instance", "Patient", "p1")
    put = Interaction("update", "Patient", "p1", body=patient)
    before = asked(
        source, put, Interaction("update", "Patient", "p1", body=patient | {"active": True}), search, history
    )
    with pytest.raises(SystemExit) as left:
        main(["migrate", "--from", source, "--to", target])
    assert left.value.code == 0
    printed = capsys.readouterr().out
    assert "1 resources indexed" in printed
    assert "versions: 2, SHA-256" in printed
    assert "DIFFERENT" not in printed
    assert asked(target, search, history) == before[2:]


def test_what_cannot_be_copied_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing source, the same store twice, an address that is none."""
    place = f"sqlite:{tmp_path / 'county.sqlite'}"
    for source, target, sentence in (
        (place, f"{place}2", "there is no store"),
        (place, place, "the same store"),
        ("mysql://x", place, "must be sqlite:PATH"),
    ):
        with pytest.raises(SystemExit) as left:
            main(["migrate", "--from", source, "--to", target])
        assert left.value.code == 2
        assert sentence in capsys.readouterr().err
