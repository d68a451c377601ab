"""One person, many records: linked when they are written, found whole by any id (docs/persons.md)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from starlette.testclient import TestClient

from countyfhir.search.resident_id import check_character

NATIONAL = "urn:oid:2.16.156.10011.1.3"
NUMBERS = count(1)
Record = dict[str, Any]


def number(body: str) -> str:
    """A resident identity number of 17 digits and their check character."""
    return body + check_character(body)


def record(name: str, identity: str | None = None, **more: Any) -> Record:
    """A Patient as an institution keeps it."""
    identifiers = [{"system": NATIONAL, "value": identity}] if identity else []
    identifiers.append({"system": "https://hospital.example/mrn", "value": str(next(NUMBERS))})
    return {"resourceType": "Patient", "identifier": identifiers, "name": [{"text": name}], **more}


@pytest.fixture(scope="module")
def client(serve: Callable[..., TestClient]) -> TestClient:
    """A server of this module's own."""
    return serve()


def written(client: TestClient, resource: Record) -> Record:
    """What the server made of a resource that was created."""
    answer = client.post(resource["resourceType"], json=resource)
    assert answer.status_code == 201, answer.text
    made: Record = answer.json()
    return made


def observed(client: TestClient, patient: str, text: str = "x") -> str:
    """The id of an Observation of a Patient."""
    subject = {"reference": f"Patient/{patient}"}
    made = {"resourceType": "Observation", "status": "final", "code": {"text": text}, "subject": subject}
    return str(written(client, made)["id"])


def golden_of(resource: Record) -> str | None:
    """The golden record a Patient refers to."""
    for link in resource.get("link", ()):
        if link["type"] == "refer":
            return str(link["other"]["reference"]).removeprefix("Patient/")
    return None


def found(client: TestClient, search: str) -> set[str]:
    """The ids a search finds."""
    answer = client.get(search)
    assert answer.status_code == 200, answer.text
    return {one["resource"]["id"] for one in answer.json().get("entry", ())}


def test_two_records_of_one_person_get_a_golden_record(client: TestClient) -> None:
    """Linked before the answer, whose version is the one that can be changed; searches, compartments and $everything on
    any of the three ids answer the whole record."""
    identity = number("37052319730926501")
    first = written(client, record("欧阳明", identity, birthDate="1973-09-26", gender="male"))
    assert golden_of(first) is None
    second = written(client, record("欧阳 明", identity, birthDate="1973", gender="male"))
    golden = golden_of(second)
    assert golden is not None
    assert golden_of(client.get(f"Patient/{first['id']}").json()) == golden
    assert client.put(
        f"Patient/{second['id']}", json=second, headers={"If-Match": f'W/"{second["meta"]["versionId"]}"'}
    )
    kept = client.get(f"Patient/{golden}").json()
    assert kept["birthDate"] == "1973-09-26"
    assert [one["value"] for one in kept["identifier"]] == [identity]
    assert {link["other"]["reference"] for link in kept["link"]} == {
        f"Patient/{first['id']}",
        f"Patient/{second['id']}",
    }
    seen = {observed(client, first["id"]), observed(client, second["id"]), observed(client, golden)}
    for one in (first["id"], second["id"], golden):
        assert found(client, f"Observation?patient={one}") == seen
        assert found(client, f"Observation?subject=Patient/{one}&code:text=x") == seen
        assert found(client, f"Patient/{one}/Observation") == seen
        assert found(client, f"Patient/{one}/$everything") == seen | {first["id"], second["id"], golden}
    assert found(client, "Observation?code:text=x") >= seen


def test_what_changes_is_grouped_anew(client: TestClient) -> None:
    """A record corrected to another person leaves; corrected back it is as before; a deleted one leaves too."""
    identity = number("37052319800101502")
    first, second = (written(client, record("钱学军", identity)) for _ in range(2))
    golden = golden_of(second)
    assert golden is not None
    other = {**second, "identifier": second["identifier"][1:], "name": [{"text": "周丽"}]}
    changed = client.put(f"Patient/{second['id']}", json=other).json()
    assert golden_of(changed) is None
    assert golden_of(client.get(f"Patient/{first['id']}").json()) is None
    assert client.get(f"Patient/{golden}").status_code == 410
    again = client.put(f"Patient/{second['id']}", json=second).json()
    assert golden_of(again) == golden
    assert client.get(f"Patient/{golden}").status_code == 200
    third = written(client, record("钱学军", identity))
    assert client.delete(f"Patient/{second['id']}").status_code == 204
    members = {link["other"]["reference"] for link in client.get(f"Patient/{golden}").json()["link"]}
    assert members == {f"Patient/{first['id']}", f"Patient/{third['id']}"}


def test_who_is_not_the_same_is_not_linked(client: TestClient) -> None:
    """Twins, namesakes, the same number at two institutions, a placeholder for an identity number, a newborn without a
    name of its own, a shared telephone."""
    home = {"telecom": [{"system": "phone", "value": "13854600001"}], "address": [{"text": "青禾县石桥镇石桥村12号"}]}
    day = {"birthDate": "2015-05-10", "gender": "female", **home}
    pairs = [
        (record("孙雅琴", number("37052320150510412"), **day), record("孙玉珍", number("37052320150510688"), **day)),
        (record("孙雅琴", **day), record("孙玉珍", **day)),
        (
            record("李静", birthDate="1980-02-03", gender="female"),
            record("李静", birthDate="1980-02-03", gender="female"),
        ),
        (record("马强", "111111111111111111"), record("高飞", "111111111111111111")),
        (record("马超", "370523190001010000"), record("马超", "370523190001010000")),
        (record("徐永贵之女", **home), record("徐永贵之女", **home)),
        (record("吴国庆", **home), record("何梅", **home)),
    ]
    for one, other in pairs:
        first, second = written(client, one), written(client, other)
        golden = golden_of(second)
        assert golden is None or golden_of(client.get(f"Patient/{first['id']}").json()) != golden, one["name"]


def test_switched_off_nothing_is_linked(serve: Callable[..., TestClient]) -> None:
    """With person_index off a record stays as it was sent."""
    client = serve(person_index="off")
    identity = number("37052319730926501")
    for _ in range(2):
        made = written(client, record("欧阳明", identity))
        assert "link" not in made
        assert made["meta"]["versionId"] == "1"
