"""One person, many records: linked when they are written, found whole by any id (docs/persons.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from countyfhir.app import open_world
from countyfhir.exchange import Interaction
from countyfhir.interactions.persons import deciding, index
from countyfhir.search.resident_id import check_character
from countyfhir.settings import load
from tests.stores import store_at

NATIONAL = "urn:oid:2.16.156.10011.1.3"
NUMBERS = count(1)
CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
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


def test_linking_makes_no_version_of_what_is_written(client: TestClient) -> None:
    """A record is linked in its first version, and an update of it makes one more; in a transaction too. Only the one
    that was alone before gets a version for it."""
    identity = number("37052319810202513")
    first = written(client, record("郑海燕", identity))
    second = written(client, record("郑海燕", identity))
    golden = golden_of(second)
    assert golden is not None
    assert second["meta"]["versionId"] == "1"
    bare = {name: value for name, value in second.items() if name != "link"}
    entries = [{"resource": bare, "request": {"method": "PUT", "url": f"Patient/{second['id']}"}}]
    entries += [{"resource": record("郑海燕", identity), "request": {"method": "POST", "url": "Patient"}}]
    answer = client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries}).json()
    assert [one["response"]["etag"] for one in answer["entry"]] == ['W/"2"', 'W/"1"']
    assert golden_of(client.get(f"Patient/{second['id']}").json()) == golden
    assert client.get(f"Patient/{first['id']}").json()["meta"]["versionId"] == "2"
    assert len(client.get(f"Patient/{golden}").json()["link"]) == 3


def test_golden_records_are_the_servers(client: TestClient) -> None:
    """Nobody else writes or deletes them: it would be lost with the next record of the person."""
    identity = number("37052319820303514")
    golden = [golden_of(written(client, record("韩雪梅", identity))) for _ in range(2)][1]
    before = client.get(f"Patient/{golden}").json()
    patch = {"json": [{"op": "add", "path": "/birthDate", "value": "1982-03-03"}]}
    answers = [
        client.put(f"Patient/{golden}", json={**before, "gender": "male"}),
        client.patch(f"Patient/{golden}", **patch, headers={"Content-Type": "application/json-patch+json"}),
        client.delete(f"Patient/{golden}"),
    ]
    assert [one.status_code for one in answers] == [422, 422, 422]
    assert "主索引记录" in answers[0].json()["issue"][0]["diagnostics"]
    assert client.get(f"Patient/{golden}").json() == before


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


def asked(client: TestClient, operation: str, source: str, target: str, **more: Any) -> Record:
    """The answer of an operation on two Patients."""
    named = {"source-patient": source, "target-patient": target}
    parameters = [{"name": name, "valueReference": {"reference": f"Patient/{one}"}} for name, one in named.items()]
    parameters += [{"name": name, "valueBoolean": value} for name, value in more.items()]
    answer = client.post(f"Patient/${operation}", json={"resourceType": "Parameters", "parameter": parameters})
    assert answer.status_code == 200, answer.text
    made: Record = answer.json()
    return made


def content(client: TestClient, patient: str) -> Record:
    """A Patient without its version."""
    resource: Record = client.get(f"Patient/{patient}").json()
    return {name: value for name, value in resource.items() if name != "meta"}


def test_a_merge_and_its_undo(client: TestClient) -> None:
    """The merged record is readable, not in use and says where it went; the data of both is found by either id; an
    update without the link keeps it merged; after the undo all is as before, and what was written since stays."""
    source = written(client, record("周一鸣", active=True))["id"]
    target = written(client, record("周壹名"))["id"]
    before = {one: content(client, one) for one in (source, target)}
    asked(client, "merge", source, target, preview=True)
    assert content(client, source) == before[source]
    made = asked(client, "merge", source, target)
    assert [one["name"] for one in made["parameter"]] == ["input", "outcome", "result"]
    read = client.get(f"Patient/{source}")
    assert {"other": {"reference": f"Patient/{target}"}, "type": "replaced-by"} in read.json()["link"]
    assert read.json()["active"] is False
    assert f"Patient/{target}" in read.headers["link"]
    assert {"other": {"reference": f"Patient/{source}"}, "type": "replaces"} in content(client, target)["link"]
    assert client.put(f"Patient/{source}", json=before[source]).json()["active"] is False
    seen = {observed(client, source, "merged"), observed(client, target, "merged")}
    assert found(client, f"Observation?patient={source}") == found(client, f"Observation?patient={target}") == seen
    asked(client, "merge", source, target, undo=True)
    assert {one: content(client, one) for one in (source, target)} == before
    assert len(found(client, f"Observation?patient={source}")) == 1


def test_a_link_and_an_unlink_and_their_undo(client: TestClient) -> None:
    """A human overrules the rules both ways, and taking it back lets the rules decide again."""
    one, other = (written(client, record(name))["id"] for name in ("郝仁", "佟志远"))
    asked(client, "link", one, other)
    assert golden_of(content(client, one)) is not None
    asked(client, "link", one, other, undo=True)
    assert golden_of(content(client, one)) is None
    identity = number("37052319850606117")
    first, second = (written(client, record("尚可", identity))["id"] for _ in range(2))
    golden = golden_of(content(client, first))
    asked(client, "unlink", first, second)
    assert golden_of(content(client, first)) is None
    assert client.put(f"Patient/{first}", json=content(client, first)).status_code == 200
    assert golden_of(content(client, first)) is None
    asked(client, "unlink", first, second, undo=True)
    assert golden_of(content(client, first)) == golden_of(content(client, second)) == golden


def test_each_undo_goes_one_decision_back(client: TestClient) -> None:
    """Linked, then unlinked: two undos end where it began. A replaced-by link on a linked record merges; when it goes,
    the link holds, and can be taken back."""
    one, other = (written(client, record(name))["id"] for name in ("郝仁", "佟志远"))
    before = content(client, one)
    asked(client, "link", one, other)
    linked = content(client, one)
    asked(client, "unlink", one, other)
    assert content(client, one) == before
    asked(client, "unlink", one, other, undo=True)
    assert content(client, one) == linked
    replaced = {
        **linked,
        "link": [*linked["link"], {"other": {"reference": f"Patient/{other}"}, "type": "replaced-by"}],
    }
    assert client.put(f"Patient/{one}", json=replaced).json()["active"] is False
    assert client.put(f"Patient/{one}", json=linked).status_code == 200
    assert content(client, one) == linked
    asked(client, "link", one, other, undo=True)
    assert content(client, one) == before


def test_a_linkage_and_a_replaced_by_link_merge_too(client: TestClient) -> None:
    """HL7 A40 comes as a Linkage, also before its Patients; deleting it takes the merge back. A replaced-by link that
    is written and removed again does the same."""
    linkage = {
        "resourceType": "Linkage",
        "active": True,
        "item": [
            {"type": "source", "resource": {"reference": "Patient/survivor"}},
            {"type": "historical", "resource": {"reference": "Patient/gone"}},
        ],
    }
    made = written(client, linkage)["id"]
    for name in ("gone", "survivor"):
        assert client.put(f"Patient/{name}", json={**record(f"元{name}"), "id": name}).status_code == 201
    assert {"other": {"reference": "Patient/survivor"}, "type": "replaced-by"} in content(client, "gone")["link"]
    assert client.delete(f"Linkage/{made}").status_code == 204
    assert "link" not in content(client, "gone")
    assert "active" not in content(client, "gone")
    plain = content(client, "gone")
    replaced = {**plain, "link": [{"other": {"reference": "Patient/survivor"}, "type": "replaced-by"}]}
    assert client.put("Patient/gone", json=replaced).json()["active"] is False
    assert golden_of(content(client, "survivor")) is not None
    assert client.put("Patient/gone", json=plain).status_code == 200
    assert content(client, "gone") == plain
    assert "link" not in content(client, "survivor")


def test_the_grey_zone_goes_to_review(client: TestClient) -> None:
    """Two records with the same name, sex and birth date and nothing else are a Task; deciding completes it."""
    same = {"birthDate": "1961-07-30", "gender": "male"}
    one, other = (written(client, record("欧阳修远", **same))["id"] for _ in range(2))
    tasks = client.get(f"Task?code=person-review&patient={min(one, other)}").json()["entry"]
    (task,) = [entry["resource"] for entry in tasks]
    assert task["status"] == "requested"
    references = {each["valueReference"]["reference"] for each in task["input"] if "valueReference" in each}
    assert references == {f"Patient/{one}", f"Patient/{other}"}
    asked(client, "link", one, other)
    assert client.get(f"Task/{task['id']}").json()["status"] == "completed"
    assert golden_of(content(client, one)) == golden_of(content(client, other)) is not None


def test_match_scores_and_grades(client: TestClient) -> None:
    """The likeliest first, with score and match-grade; only certain ones where asked; at most count; 400 and 501 say
    why."""
    identity = number("37052319770707313")
    known = written(client, record("司空曙", identity, birthDate="1977-07-07", gender="male"))["id"]
    weaker = written(client, record("司空曙", birthDate="1977-07-07", gender="male"))["id"]

    def matched(patient: Record, **more: Any) -> list[Record]:
        parameters = [{"name": "resource", "resource": patient}]
        parameters += [
            {"name": name, "valueBoolean" if value is True else "valueInteger": value} for name, value in more.items()
        ]
        answer = client.post("Patient/$match", json={"resourceType": "Parameters", "parameter": parameters})
        assert answer.status_code == 200, answer.text
        entries: list[Record] = answer.json().get("entry", [])
        return entries

    asking = {
        "resourceType": "Patient",
        "identifier": [{"system": NATIONAL, "value": identity}],
        "name": [{"text": "司空 曙"}],
    }
    asking |= {"birthDate": "1977-07-07", "gender": "male"}
    best, second = matched(asking)
    assert (best["resource"]["id"], best["search"]["mode"], best["search"]["score"]) == (known, "match", 1)
    grades = [entry["search"]["extension"][0]["valueCode"] for entry in (best, second)]
    assert (second["resource"]["id"], grades) == (weaker, ["certain", "probable"])
    assert 0 < second["search"]["score"] < 1
    assert [entry["resource"]["id"] for entry in matched(asking, onlyCertainMatches=True)] == [known]
    assert len(matched(asking, count=1)) == 1
    assert matched({"resourceType": "Patient", "name": [{"text": "无此人"}]}) == []
    assert client.post("Patient/$match", json={"resourceType": "Parameters"}).status_code == 400


def test_match_takes_a_patient_alone_and_finds_the_stored_one(client: TestClient) -> None:
    """The Patient may be the body itself, with the rest in the query; one that is stored is found, too."""
    stored = written(client, record("宗政 玉", number("37052319810808424"), birthDate="1981-08-08", gender="female"))
    answer = client.post("Patient/$match?onlyCertainMatches=true&count=5", json=stored)
    assert answer.status_code == 200, answer.text
    assert [entry["resource"]["id"] for entry in answer.json()["entry"]] == [stored["id"]]
    assert client.post("Patient/$match?count=none", json=stored).status_code == 400
    assert client.post("Patient/$match?unknown=1", json=stored).status_code == 400
    assert client.post("Patient/$match", json=stored | {"gender": "?"}).status_code == 400
    assert client.post("Patient/$match", json={"resourceType": "Basic", "code": {}}).status_code == 400


def test_a_name_in_letters_is_the_name_in_characters(client: TestClient) -> None:
    """With one identity number: family name first or last, as words or syllables, with an x in it; no borrowed card."""
    identity = number("37052319830909111")
    names = ("谢晓明", "XIE XIAOMING", "Xiao Ming Xie")
    records = [written(client, record(name, identity, birthDate="1983-09-09", gender="male")) for name in names]
    golden = {golden_of(content(client, one["id"])) for one in records}
    assert len(golden) == 1
    assert None not in golden


def test_records_that_contradict_each_other_raise_an_issue(client: TestClient) -> None:
    """A 无 "none" does not hide the positive allergy of another record, and different blood groups are told; once they
    are two people the issue is cancelled."""
    identity = number("37052319660909117")
    one, other = (written(client, record("柏舟", identity))["id"] for _ in range(2))

    def allergy(patient: str, text: str) -> str:
        active = {"coding": [{"system": CLINICAL, "code": "active"}]}
        made = {"resourceType": "AllergyIntolerance", "clinicalStatus": active, "code": {"text": text}}
        return str(written(client, made | {"patient": {"reference": f"Patient/{patient}"}})["id"])

    def group(patient: str, code: str, text: str) -> None:
        coded = {"coding": [{"system": "http://loinc.org", "code": code}]}
        made = {"resourceType": "Observation", "status": "final", "code": coded, "valueCodeableConcept": {"text": text}}
        written(client, made | {"subject": {"reference": f"Patient/{patient}"}})

    def issues() -> dict[str, str]:
        entries = client.get(f"DetectedIssue?patient={one}").json().get("entry", [])
        resources = [entry["resource"] for entry in entries]
        return {each["code"]["coding"][0]["code"]: each["status"] for each in resources}

    positive = allergy(one, "青霉素")
    assert issues() == {}
    allergy(other, "无")
    assert issues() == {"allergy-contradiction": "final"}
    assert positive in found(client, f"AllergyIntolerance?patient={other}")
    group(one, "883-9", "A")
    group(other, "883-9", "A型")
    assert "abo-contradiction" not in issues()
    group(one, "10331-7", "阳性")
    group(other, "10331-7", "阴性")
    assert issues() == {"allergy-contradiction": "final", "rh-contradiction": "final"}
    asked(client, "unlink", one, other)
    assert set(issues().values()) <= {"cancelled"}


def test_what_was_left_is_caught_up(tmp_path: Path) -> None:
    """Patients that the index has not seen (it was off, or the process died after the commit) are linked at the next
    look, once; decisions survive a rebuild."""
    store = store_at(tmp_path / "county.sqlite")
    identity = number("37052319730926501")
    off = load({"store": store, "load_definitions": "off", "person_index": "off"})
    on = load({"store": store, "load_definitions": "off"})

    async def story() -> None:
        async with open_world(off) as opened:
            for name in ("one", "other"):
                made = {**record("欧阳明", identity), "id": name}
                await opened.perform(Interaction("update", "Patient", name, body=made))
        async with open_world(on) as opened:
            assert await index.catch_up(opened.world) == 2
            assert await index.catch_up(opened.world) == 0
            linked = await opened.store.persons.linked(["one"])
            assert linked["one"][1:] == ("one", "other")
            await opened.store.persons.clear()
            assert await index.catch_up(opened.world) == 2
            assert await opened.store.persons.linked(["one"]) == linked
            await deciding.decide("unlink", "one", "other", "me", opened.world)
            await opened.store.persons.clear()
            await index.catch_up(opened.world)
            assert await opened.store.persons.linked(["one"]) == {}

    asyncio.run(story())


def test_records_that_come_together_meet(tmp_path: Path) -> None:
    """Several institutions write one person at the same moment, through two processes: none of them saw the others when
    it looked, and they are one person all the same."""
    settings = load({"store": store_at(tmp_path / "together.sqlite"), "audit": "off"})
    identity = number("37052319620314502")

    async def story() -> tuple[set[str | None], set[str | None]]:
        async with open_world(settings) as one, open_world(settings) as other:
            writes = [
                (one, other)[place % 2].perform(
                    Interaction("create", "Patient", body=record("司徒静", identity, birthDate="1962-03-14"))
                )
                for place in range(6)
            ]
            strangers = [
                one.perform(Interaction("create", "Patient", body=record(name, birthDate=born)))
                for name, born in (("金大川", "1951-02-03"), ("石小米", "1993-11-12"))
            ]
            answers = await asyncio.gather(*writes, *strangers)
            ids = [str(answer.stored.logical_id) for answer in answers if answer.stored is not None]
            kept = await other.store.persons.records(ids)
            return {kept[name].person for name in ids[:6]}, {kept[name].person for name in ids[6:]}

    golden, alone = asyncio.run(story())
    assert len(golden) == 1
    assert None not in golden
    assert alone == {None}


def test_a_chain_by_a_number_reaches_the_person(client: TestClient) -> None:
    """What was written to one record is found by the number of another, and not by the number of somebody else."""
    identity = number("37052319610401301")
    first = written(client, record("卫东升", identity, birthDate="1961-04-01", gender="male"))
    second = written(client, record("卫东升", identity, birthDate="1961-04-01", gender="male"))
    other = written(client, record("邬秀云"))
    seen = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    made = written(client, seen | {"subject": {"reference": f"Patient/{first['id']}"}})

    def found(patient: Record) -> list[str]:
        local = patient["identifier"][-1]
        query = f"Observation?patient.identifier={local['system']}|{local['value']}"
        return [one["resource"]["id"] for one in client.get(query).json().get("entry", ())]

    assert [found(one) for one in (first, second, other)] == [[made["id"]], [made["id"]], []]
