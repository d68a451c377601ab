"""Loading into a store and into a running server."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import httpx

from tests.cli.conftest import Run
from tests.cli.served import served


def write_files(folder: Path) -> Path:
    """A folder with lines, packed lines, a transaction and one resource that is refused."""
    inside = folder / "in"
    inside.mkdir()
    lines = [json.dumps({"resourceType": "Patient", "id": f"p{n}", "name": [{"text": "张三"}]}) for n in range(150)]
    (inside / "Patient.ndjson").write_text("\n".join([*lines, '{"resourceType":"Patient","gender":"other one"}']))
    observation = (
        '{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p1"},'
        '"valueQuantity":{"value":1.50}}\n'
    )
    (inside / "Observation.ndjson.gz").write_bytes(gzip.compress(observation.encode() * 20))
    entry = {
        "fullUrl": "urn:uuid:7a1f3c1e-2b8f-4c3e-9d57-0c5a1f5b7e11",
        "resource": {"resourceType": "Organization", "name": "卫生院"},
        "request": {"method": "POST", "url": "Organization"},
    }
    (inside / "t.json").write_text(json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}))
    return inside


def test_files_are_loaded_into_the_store_once(run: Run, tmp_path: Path) -> None:
    """What is refused is told with its place; the second time nothing is sent; export gives back what came in."""
    folder = write_files(tmp_path)
    done = run("load", folder, "--refused", "refused.ndjson")
    assert done.code == 1, done.err
    assert "171 resources loaded" in done.out
    (refusal,) = map(json.loads, (tmp_path / "refused.ndjson").read_text().splitlines())
    assert refusal["place"] == "line 151"
    assert "gender" in refusal["reason"]
    again = run("load", folder)
    assert again.code == 0
    assert "3 files were loaded before" in again.out
    assert run("export", "out").code == 0
    assert len((tmp_path / "out" / "Patient.ndjson").read_text().splitlines()) == 150
    assert (tmp_path / "out" / "Observation.ndjson").read_text().count('"value":1.50') == 20


def test_files_are_loaded_into_a_server_with_a_key(run: Run, tmp_path: Path) -> None:
    """The key's scopes hold; without a key nothing is loaded."""
    folder = write_files(tmp_path)
    key = run("key", "create", "loader", "--organization", "o", "--scope", "system/*.cruds").out.strip()
    with served(tmp_path, "--auth", "keys") as server:
        refused = run("load", folder, "--to", server.base)
        assert refused.code == 2
        assert "401" in refused.err
        done = run("load", folder, "--to", server.base, "--key", key, "--concurrency", 3)
        assert done.code == 1, done.err
        assert "171 resources loaded" in done.out
        assert "1 refused" in done.out
        headers = {"authorization": f"Bearer {key}"}
        found = httpx.get(f"{server.base}/Patient?_summary=count", headers=headers, trust_env=False)
        assert found.json()["total"] == 150


def test_what_cannot_be_loaded_is_refused(run: Run, tmp_path: Path) -> None:
    """Missing files, a key without a server."""
    assert run("load", tmp_path / "none").code == 2
    (tmp_path / "a.json").write_text("{}")
    assert run("load", tmp_path / "a.json", "--key", "k").code == 2
