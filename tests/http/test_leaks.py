"""Nothing of residents that an institution has no relation to comes out, on whatever way it asks (docs/access.md).

Everything of the hidden residents carries the word in its ids and texts, so that it is seen in any answer; and whoever
names a hidden resource is answered as if it were not there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.http.county import County, Keyed, coded, consent, encounter, observation, organization, reference, resident
from tests.stores import store_at

HIDDEN, ABSENT = "hidden", "absent"
COUNTY = "https://fhir.county-hc.example/id/test"
Resource = dict[str, Any]


def records(name: str, patient: str, institution: str) -> list[Resource]:
    """Resources of many types about a resident, all by that institution."""
    about, by = reference(f"Patient/{patient}"), reference(f"Organization/{institution}")
    practitioner = reference("Practitioner/shared")
    report = {
        "resourceType": "DiagnosticReport",
        "id": f"{name}-report",
        "status": "final",
        "code": coded(name),
        "subject": about,
        "performer": [by],
        "result": [reference(f"Observation/{name}-result")],
    }
    return [
        resident(patient, managingOrganization=by, generalPractitioner=[practitioner]),
        encounter(f"{name}-visit", patient, institution),
        observation(
            f"{name}-result", patient, performer=[by, practitioner], encounter=reference(f"Encounter/{name}-visit")
        ),
        report,
        {
            "resourceType": "Condition",
            "id": f"{name}-condition",
            "subject": about,
            "code": coded(name),
            "recorder": practitioner,
        },
        {"resourceType": "Provenance", "id": f"{name}-provenance", "recorded": "2026-01-01T00:00:00Z"}
        | {"target": [reference(f"Observation/{name}-result")], "agent": [{"who": by}]},
        {"resourceType": "Task", "id": f"{name}-task", "status": "requested", "intent": "order", "for": about}
        | {"requester": by, "description": name},
        {"resourceType": "DocumentReference", "id": f"{name}-document", "status": "current", "subject": about}
        | {"custodian": by, "content": [{"attachment": {"url": f"Binary/{name}-scan"}}]},
        {"resourceType": "Binary", "id": f"{name}-scan", "contentType": "text/plain", "data": "aGlkZGVu"}
        | {"securityContext": reference(f"DocumentReference/{name}-document")},
        {
            "resourceType": "Composition",
            "id": f"{name}-letter",
            "status": "final",
            "type": coded(name),
            "subject": about,
        }
        | {"date": "2026-01-01", "author": [by], "title": name}
        | {"section": [{"title": name, "entry": [reference(f"Condition/{name}-condition")]}]},
        consent(f"{name}-consent", patient, {"type": "permit"}, by=institution),
    ]


@pytest.fixture(scope="module")
def county(serve: Callable[..., TestClient], tmp_path_factory: pytest.TempPathFactory) -> County:
    """Two institutions with a resident each; some residents together in one Group."""
    county = County(serve, store_at(tmp_path_factory.mktemp("leaks") / "county.sqlite"), default_count=50)
    county.put(organization("clinic"), organization("hospital"), {"resourceType": "Practitioner", "id": "shared"})
    county.put(*records("seen", "seen", "clinic"), *records(HIDDEN, HIDDEN, "hospital"))
    members = [{"entity": reference(f"Patient/{one}")} for one in ("seen", HIDDEN)]
    county.put({"resourceType": "Group", "id": "hidden-group", "type": "person", "actual": True, "member": members})
    county.put(resident("hidden-twin"), {"resourceType": "Linkage", "id": "hidden-linkage"} | {"item": [
        {"type": "source", "resource": reference(f"Patient/{HIDDEN}")},
        {"type": "alternate", "resource": reference("Patient/hidden-twin")},
    ]})  # fmt: skip
    county.put({"resourceType": "Observation", "id": "hidden-stranger", "status": "final", "code": coded("x")}
               | {"subject": {"identifier": {"system": COUNTY, "value": "nobody"}}})  # fmt: skip
    county.office.delete("Observation/hidden-stranger-gone")
    county.put(observation("hidden-deleted", HIDDEN))
    assert county.office.delete("Observation/hidden-deleted").status_code in (200, 204)
    return county


@pytest.fixture(scope="module")
def clinic(county: County) -> Keyed:
    """The institution that has a relation to one of the residents."""
    return county.client("clinic")


TYPES = (
    *("Patient", "Observation", "Encounter", "DiagnosticReport", "Condition", "Provenance", "Task", "Consent"),
    *("DocumentReference", "Binary", "Composition", "Group", "Linkage"),
)
SEARCHES = (
    *TYPES,
    *(f"{kind}?_total=accurate" for kind in TYPES),
    *(f"{kind}?_sort=-_lastUpdated&_count=1&_total=accurate" for kind in TYPES),
    *(f"{kind}/_history" for kind in TYPES),
    "Patient?family=hidden&_total=accurate",
    "Patient?family:contains=idde&_total=accurate",
    "Patient?identifier=hidden&_total=accurate",
    "Patient?general-practitioner=Practitioner/shared&_total=accurate",
    "Patient?_has:Observation:patient:code:text=hidden&_total=accurate",
    "Patient?_has:DiagnosticReport:subject:result:Observation.code:text=hidden",
    "Practitioner?_has:Patient:general-practitioner:family=hidden&_total=accurate",
    "Practitioner?_has:Observation:performer:code:text=hidden&_total=accurate",
    "Practitioner?_id=shared&_revinclude=*&_revinclude:iterate=*",
    "Organization?_id=hospital&_revinclude=*",
    "Organization?_has:Observation:performer:code:text=hidden-result&_total=accurate",
    "Organization?_has:Encounter:service-provider:subject:Patient.family=hidden&_total=accurate",
    "Observation?subject:Patient.family=hidden&_total=accurate",
    "Observation?patient.family=hidden&_total=accurate",
    "Observation?performer=Organization/hospital&_total=accurate",
    "Observation?performer.name=hospital&_total=accurate",
    "Observation?encounter.service-provider.name=hospital&_total=accurate",
    "Observation?code:text=hidden&_total=accurate",
    "Observation?_content=hidden&_total=accurate",
    "Observation?_filter=code:text sw hidden",
    "Observation?_include=*&_include:iterate=*&_revinclude=*",
    "Patient?_revinclude=*&_revinclude:iterate=*&_include=*",
    "Group?_include=*",
    "Linkage?_include=*",
    "DiagnosticReport?_include=DiagnosticReport:result&_include:iterate=Observation:subject",
    "Provenance?_include=Provenance:target&target:Observation.code:text=hidden-result",
    "Condition?_summary=count",
    "Patient?_summary=count",
    "Patient?_elements=id",
    "Practitioner/shared/Observation",
    "Practitioner/shared/Condition?_total=accurate",
    "?_type=Patient,Observation&_total=accurate",
    "?_type=Patient,Observation&_content=hidden",
    "?_lastUpdated=gt2020-01-01",
    "_history",
    "_history?_count=1",
    "Patient/seen/$everything",
    "Patient/$everything",
    "Patient/seen/*",
    "Observation/$lastn?patient=Patient/seen",
    "AuditEvent",
)
"""Ways to ask that name no hidden resource (texts of theirs, at most)."""


def pages(client: Keyed, query: str) -> Iterator[Any]:
    """The answers of a search page by page."""
    answer = client.get(query)
    for _ in range(100):
        yield answer
        links = {one["relation"]: one["url"] for one in answer.json().get("link", ())} if answer.content else {}
        if "next" not in links:
            return
        answer = client.get(links["next"])
    raise AssertionError(f"{query} does not end")


def shown(answer: Any) -> str:
    """What an answer tells: without the addresses, which repeat what was asked."""
    told = answer.json()
    told.pop("link", None)
    return str(told)


@pytest.mark.parametrize("query", SEARCHES)
def test_no_search_tells_of_hidden_residents(clinic: Keyed, query: str) -> None:
    """Neither matches nor includes nor totals, on no page."""
    for answer in pages(clinic, query):
        assert answer.status_code in (200, 400), answer.text
        if not query.startswith("AuditEvent"):
            assert HIDDEN not in shown(answer), query
        rows = [row for row in answer.json().get("entry", ()) if row.get("search", {}).get("mode") == "match"]
        total = answer.json().get("total")
        if total is not None and "_count=1" not in query and "_summary" not in query:
            assert total == len(rows), query
        if total is not None and query.partition("?")[0] == "Patient" and "_sort" in query:
            assert total == 1


@pytest.mark.parametrize("kind", TYPES)
def test_everything_is_there_for_the_county_wide(county: County, clinic: Keyed, kind: str) -> None:
    """What the tests above do not find is there, and the clinic's own is found."""
    total = county.office.get(f"{kind}?_total=accurate&_count=0").json()["total"]
    own = clinic.get(f"{kind}?_total=accurate&_count=0").json()["total"]
    assert total > own
    assert own == (0 if kind in ("Group", "Linkage") else 1)


NAMED = (*(("GET", f"{kind}/{{}}") for kind in ("Patient/hidden", "Observation/hidden-result", "Binary/hidden-scan")),)
READS = tuple(
    ("GET", place.format(HIDDEN))
    for kind, of in (
        *(("Patient", "{}"), ("Observation", "{}-result"), ("Encounter", "{}-visit"), ("Condition", "{}-condition")),
        *(("Provenance", "{}-provenance"), ("Task", "{}-task"), ("Binary", "{}-scan"), ("Composition", "{}-letter")),
        *(("Group", "{}-group"), ("Linkage", "{}-linkage"), ("Observation", "{}-stranger")),
        ("Observation", "{}-deleted"),
    )
    for place in (f"{kind}/{of}", f"{kind}/{of}/_history/1", f"{kind}/{of}/_history")
)
PATCH = {"Content-Type": "application/json-patch+json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ACTIVE = [{"op": "add", "path": "/active", "value": True}]
LIKE_HIDDEN = {
    "resourceType": "Patient",
    "name": [{"family": HIDDEN}],
    "identifier": [{"system": COUNTY, "value": HIDDEN}],
}


def parameters(name: str, kind: str, value: Resource) -> Resource:
    """Parameters with one value."""
    return {"resourceType": "Parameters", "parameter": [{"name": name, kind: value}]}


OTHERS: tuple[tuple[str, str, Any, dict[str, str]], ...] = (
    ("GET", "Patient/hidden/$everything", None, {}),
    ("GET", "Patient/hidden/Observation", None, {}),
    ("GET", "Patient/hidden/*", None, {}),
    ("GET", "Patient/hidden/Observation?_total=accurate", None, {}),
    ("GET", "Encounter/hidden-visit/Observation?_total=accurate", None, {}),
    ("GET", "Observation?patient=hidden&_total=accurate", None, {}),
    ("GET", "Observation?subject=Patient/hidden&_total=accurate", None, {}),
    ("GET", "Observation?_id=hidden-result&_total=accurate", None, {}),
    ("GET", "DiagnosticReport?result=Observation/hidden-result&_total=accurate", None, {}),
    ("GET", "Patient?_id=hidden,seen-not&_total=accurate", None, {}),
    ("GET", "Provenance?target=Observation/hidden-result&_total=accurate", None, {}),
    ("GET", "Observation/$lastn?patient=Patient/hidden", None, {}),
    ("GET", "Observation/hidden-result/$lineage", None, {}),
    ("GET", "Composition/hidden-letter/$document", None, {}),
    ("GET", "Observation/hidden-result/$meta", None, {}),
    ("GET", "Patient/hidden/$validate?mode=delete", None, {}),
    ("DELETE", "Observation?_id=hidden-result", None, {}),
    ("DELETE", "Patient?identifier=hidden", None, {}),
    ("PUT", "Observation/hidden-result", observation("hidden-result", "seen"), {"If-Match": 'W/"7"'}),
    ("PATCH", "Patient/hidden", ACTIVE, PATCH),
    ("PATCH", "Patient?identifier=hidden", ACTIVE, PATCH),
    ("POST", "Patient/$match", parameters("resource", "resource", LIKE_HIDDEN), {}),
    ("POST", "Patient/seen/$merge", parameters("target-patient", "valueReference", reference("Patient/hidden")), {}),
    ("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": [
        {"request": {"method": "GET", "url": "Patient/hidden"}},
        {"request": {"method": "GET", "url": "Observation?patient=hidden&_total=accurate"}},
        {"request": {"method": "GET", "url": "Patient/hidden/_history"}},
    ]}, {}),
    ("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [
        {"request": {"method": "GET", "url": "Observation?patient=hidden&_total=accurate"}},
    ]}, {}),
    ("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [
        {"request": {"method": "GET", "url": "Patient/hidden"}},
    ]}, {}),
    ("POST", "Observation/_search", "patient=hidden&_total=accurate", FORM),
)  # fmt: skip
"""Ways to ask that name a hidden resource."""


def asked(client: Keyed, method: str, place: str, body: Any, headers: dict[str, str], name: str) -> tuple[int, str]:
    """Status and text of the answer to a request in which ``name`` stands for the hidden resident's."""

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: renamed(each) for key, each in value.items()}
        if isinstance(value, list):
            return [renamed(each) for each in value]
        return value.replace(HIDDEN, name) if isinstance(value, str) else value

    more: dict[str, Any] = (
        {"content": renamed(body)} if isinstance(body, str) else {"json": renamed(body)} if body else {}
    )
    answer = client.request(method, renamed(place), headers=headers, **more)
    return answer.status_code, answer.text.replace(name, "~")


@pytest.mark.parametrize("place", sorted({place for _, place in READS}))
def test_what_is_hidden_reads_as_what_is_not_there(clinic: Keyed, place: str) -> None:
    """Read, version and history: 404, with the same words."""
    hidden = asked(clinic, "GET", place, None, {}, HIDDEN)
    assert hidden[0] == 404
    assert hidden == asked(clinic, "GET", place, None, {}, ABSENT)


@pytest.mark.parametrize(("method", "place", "body", "headers"), OTHERS)
def test_whoever_names_what_is_hidden_learns_nothing(
    clinic: Keyed, method: str, place: str, body: Any, headers: dict[str, str]
) -> None:
    """Every other interaction is answered as for an id that nobody ever used."""
    hidden = asked(clinic, method, place, body, headers, HIDDEN)
    absent = asked(clinic, method, place, body, headers, ABSENT)
    stamps = [(status, _without_moments(text)) for status, text in (hidden, absent)]
    assert stamps[0] == stamps[1]


def _without_moments(text: str) -> str:
    text = re.sub(r'"(lastUpdated|lastModified|timestamp|issued|date)":"[^"]*"', "", text)
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{11}-[0-9a-f]{16}", "", text)


def test_nothing_of_the_hidden_was_changed(county: County) -> None:
    """By all that was tried above, and by writes to what cannot be seen."""
    assert county.office.get("Patient/hidden").json()["meta"]["versionId"] in ("1", "2")
    assert county.office.get("Observation/hidden-result").headers["etag"] == 'W/"1"'


def test_writes_to_what_is_hidden_find_nothing(clinic: Keyed) -> None:
    """Update and delete of an id that is there: 404, or what a condition on nothing gives."""
    changed = observation("hidden-result", "seen")
    for headers in ({}, {"If-None-Match": "*"}):
        assert clinic.put("Observation/hidden-result", json=changed, headers=headers).status_code == 404
    answer = clinic.put("Observation/hidden-result", json=changed, headers={"If-Match": 'W/"1"'})
    assert (answer.status_code, "does not exist" in answer.text) == (412, True)
    assert clinic.delete("Observation/hidden-result").status_code == 404
    entry = {"resource": changed, "request": {"method": "PUT", "url": "Observation/hidden-result", "ifMatch": 'W/"9"'}}
    answer = clinic.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert (answer.status_code, "does not exist" in answer.text) == (412, True)


def test_criteria_do_not_meet_what_is_hidden(county: County, clinic: Keyed) -> None:
    """A conditional create and a conditional update make a record of the institution's own, and say nothing of the
    other's; a conditional reference does not lead there."""
    record = {"resourceType": "Patient", "identifier": [{"system": COUNTY, "value": HIDDEN}]}
    made = clinic.post("Patient", json=record, headers={"If-None-Exist": f"identifier={COUNTY}|{HIDDEN}"})
    assert made.status_code == 201
    again = clinic.post("Patient", json=record, headers={"If-None-Exist": f"identifier={COUNTY}|{HIDDEN}"})
    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
    pointing = {"resource": observation("x", "?") | {"subject": reference("Patient?family=hidden")}}
    pointing["request"] = {"method": "POST", "url": "Observation"}
    answer = clinic.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": [pointing]})
    assert answer.status_code == 412
    assert county.office.get("Patient/hidden").status_code == 200


def test_a_refused_delete_names_only_what_is_seen(county: County, clinic: Keyed) -> None:
    """Who holds a resource is told as far as the caller may see it."""
    county.put(observation("hidden-holder", HIDDEN, derivedFrom=[reference("Observation/seen-result")]))
    answer = clinic.delete("Observation/seen-result")
    assert answer.status_code == 409
    assert "DiagnosticReport/seen-report" in answer.text
    assert HIDDEN not in answer.text


def test_audit_events_are_those_of_the_institution(clinic: Keyed) -> None:
    """What others did, to whom, is not shown."""
    clinic.get("Patient/seen")
    events = [row["resource"] for row in clinic.get("AuditEvent?_count=50").json()["entry"]]
    institutions = {
        agent["who"]["identifier"]["value"] for one in events for agent in one["agent"] if "identifier" in agent["who"]
    }
    assert institutions == {"clinic"}


def test_a_page_belongs_to_its_institution(county: County, clinic: Keyed) -> None:
    """A cursor of another institution's search is refused."""
    links = county.client("hospital").get("?_type=Patient,Observation,Condition&_count=1").json()["link"]
    following = next(one["url"] for one in links if one["relation"] == "next")
    assert clinic.get(following).status_code in (400, 403, 410)
