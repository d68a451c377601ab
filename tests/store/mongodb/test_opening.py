"""What a MongoDB store opens with, and what it refuses in one sentence."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path

import pytest
from pymongo import MongoClient

from countyfhir.outcome import FhirError
from countyfhir.search.query import Query
from countyfhir.store import mongodb
from countyfhir.store.mongodb import MongoStore, schema
from countyfhir.store.mongodb.layout import INDEXES
from countyfhir.store.ports import StoreUnusable
from tests.contract.samples import commit, write
from tests.mongodb_server import database_uri, processes, started

from .opened import told


def refused(uri: str) -> str:
    """What is said of a store that cannot be used."""
    with pytest.raises(StoreUnusable) as error:
        asyncio.run(mongodb.open(uri, selection_limit=0.3))
    return str(error.value)


def test_many_open_an_empty_database_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One builds, the others wait; all get one secret, and every declared index is there."""
    uri, built = database_uri(), []

    async def counted(database: object) -> None:
        built.append(1)
        await asyncio.sleep(0.05)
        await first(database)  # type: ignore[arg-type]

    first, *later = schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", (counted, *later))
    monkeypatch.setattr(schema, "PAUSE", 0.01)

    async def story() -> None:
        stores = await asyncio.gather(*(mongodb.open(uri) for _ in range(5)))
        assert len({store.secret for store in stores}) == 1
        assert len(stores[0].secret) == 32
        database = stores[0].database
        assert database is not None
        for collection in {index.collection for index in INDEXES}:
            found = {tuple(each["key"].items()) async for each in await database[collection].list_indexes()}
            assert {index.keys for index in INDEXES if index.collection == collection} <= found
        for store in stores:
            await store.close()

    asyncio.run(story())
    assert built == [1]


def test_a_builder_that_died_is_taken_over() -> None:
    """Its lease has run out: the next one builds again."""
    uri = database_uri()

    async def half_built(store: MongoStore) -> None:
        assert store.database is not None
        gone = {"$set": {"version": 0, "owner": "dead", "until": 1}}
        await store.database["setting"].update_one({"_id": "schema"}, gone)
        await commit(store, write("Patient", "p1"))

    async def there(store: MongoStore) -> None:
        assert await store.resources.read("Patient", "p1") is not None

    told(half_built, uri)
    told(there, uri)


def test_what_is_no_store_of_ours_is_refused() -> None:
    """A newer schema, another program's database, a server that is not there, an address that is none."""
    uri = database_uri()
    with MongoClient[dict[str, object]](uri) as client:
        client.get_default_database()["orders"].insert_one({"a": 1})
    assert "another program (orders)" in refused(uri)
    newer = database_uri()

    async def from_the_future(store: MongoStore) -> None:
        assert store.database is not None
        await store.database["setting"].update_one({"_id": "schema"}, {"$set": {"version": 99}})

    told(from_the_future, newer)
    assert "schema version 99" in refused(newer)
    assert "cannot be opened" in refused("mongodb://127.0.0.1:1/county")
    assert "cannot be used" in refused("mongodb://127.0.0.1:port/county")


def test_a_server_that_stands_alone_is_refused() -> None:
    """The sentence holds the command that makes it a replica set of one."""
    place = started("--standalone")
    sentence = refused(f"{place}/county")
    assert "rs.initiate" in sentence
    assert place.removeprefix("mongodb://") in sentence


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate of 127.0.0.1 with its key."""
    made, names = tmp_path / "server.pem", "subjectAltName=IP:127.0.0.1"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "crt"), "-days", "2", "-subj", "/CN=127.0.0.1"]
    try:
        subprocess.run([*command, "-addext", names], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("openssl does not make certificates here")
    made.write_bytes((tmp_path / "key").read_bytes() + (tmp_path / "crt").read_bytes())
    return made


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the driver leaves a refused socket
def test_tls_and_passwords_stand_in_the_address(certificate: Path) -> None:
    """Over TLS with the right authority, not without; a wrong password is a sentence, not a raw error."""
    folder = certificate.parent
    place = started("--tls-cert-file", str(folder / "crt"), "--tls-key-file", str(folder / "key"))
    uri = f"{place}/county?tls=true&tlsCAFile={folder / 'crt'}"

    async def story(store: MongoStore) -> None:
        await commit(store, write("Patient", "p1"))

    told(story, uri)
    assert "cannot be opened" in refused(f"{place}/county?tls=true")
    with_password = uri.replace("mongodb://", "mongodb://nobody:wrong@")
    assert "wrong" not in refused(f"{with_password}&authSource=admin")


def test_a_server_that_hangs_is_503_and_only_searches_are_told_to_be_narrower(tmp_path: Path) -> None:
    """Who reads by id cannot ask for less."""
    place = started(folder=tmp_path)

    async def story() -> None:
        store = await mongodb.open(f"{place}/county", time_limit=0.5)
        processes[place].send_signal(signal.SIGSTOP)
        try:
            for asked, narrower in (
                (store.resources.read("Patient", "p1"), False),
                (store.resources.search(Query(("Patient",))), True),
            ):
                with pytest.raises(FhirError) as error:
                    await asked
                assert (error.value.status, error.value.issues[0].code) == (503, "timeout")
                assert ("Narrow" in str(error.value)) == narrower
        finally:
            processes[place].send_signal(signal.SIGCONT)
        assert await store.resources.read("Patient", "p1") is None
        await store.close()

    asyncio.run(story())


def test_a_server_that_goes_away_is_503_until_it_is_back(tmp_path: Path) -> None:
    """Reads, searches and writes in between get 503 with Retry-After; afterwards the same store goes on."""
    place = started("--sync-on-commit", folder=tmp_path)
    port = place.rpartition(":")[2]

    async def story() -> None:
        store = await mongodb.open(f"{place}/county", selection_limit=0.2, busy_limit=1.0, time_limit=2.0)
        await commit(store, write("Patient", "p1"))
        processes[place].kill()
        processes[place].wait()
        for asked in (store.resources.read("Patient", "p1"), commit(store, write("Patient", "p2")), store.keys.all()):
            with pytest.raises(FhirError) as error:
                await asked
            assert (error.value.status, error.value.headers["Retry-After"]) == (503, "1")
        started("--sync-on-commit", "--port", port, folder=tmp_path)
        (stored,) = await commit(store, write("Patient", "p1"))
        assert stored.version_id == 2
        await store.close()

    asyncio.run(story())
