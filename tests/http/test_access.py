"""Who sees whose record, and who writes what, by the tables of access (docs/access.md)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from starlette.testclient import TestClient

from countyfhir.exchange import Interaction, Principal
from countyfhir.search.resident_id import check_character
from tests.http.county import (
    ICD10,
    County,
    Keyed,
    actor,
    coded,
    consent,
    encounter,
    ids,
    observation,
    organization,
    resident,
)
from tests.http.county import reference as to
from tests.stores import store_at

NUMBERS = count(1)
REFERRAL = "https://fhir.county-hc.example/cs/referral-direction"
STATE = "https://fhir.county-hc.example/cs/referral-state"
Resource = dict[str, Any]


def day(offset: int) -> str:
    """A date so many days from now."""
    return (datetime.now(UTC) + timedelta(days=offset)).date().isoformat()


@pytest.fixture(scope="module")
def county(serve: Callable[..., TestClient], tmp_path_factory: pytest.TempPathFactory) -> County:
    """A county hospital with a department, a township hospital with a village clinic, a reading centre."""
    county = County(
        serve, store_at(tmp_path_factory.mktemp("access") / "county.sqlite"), default_count=50, workflow="off"
    )
    county.put(
        organization("hospital", "county"),
        {"resourceType": "Organization", "id": "cardiology", "name": "dept", "partOf": to("Organization/hospital")},
        organization("township", "township", partOf=to("Organization/hospital")),
        organization("village", "village", partOf=to("Organization/township")),
        organization("centre", "county"),
        {"resourceType": "PractitionerRole", "id": "reader", "organization": to("Organization/centre")},
    )
    return county


@pytest.fixture
def patient(county: County) -> str:
    """A new resident of the township, with an Observation ``o-…`` that it made."""
    name = f"resident{next(NUMBERS)}"
    county.put(resident(name, managingOrganization=to("Organization/township")))
    county.put(observation(f"o-{name}", name, performer=[to("Organization/township")]))
    return name


def sees(client: Keyed, patient: str) -> bool:
    """Whether the Observation of a resident is seen: by read, search, count and $everything alike."""
    read = client.get(f"Observation/o-{patient}").status_code == 200
    assert (f"o-{patient}" in ids(client, f"Observation?patient={patient}")) is read
    assert client.get(f"Observation?_id=o-{patient}&_summary=count").json()["total"] == int(read)
    whole = client.get(f"Patient/{patient}/$everything")
    assert (f"o-{patient}" in whole.text) is read
    return read


def test_the_own_institution_sees_its_residents(county: County, patient: str) -> None:
    """The superior hospital and the village clinic below, which are institutions of their own, do not."""
    assert sees(county.client("township"), patient)
    assert not sees(county.client("hospital"), patient)
    assert not sees(county.client("village"), patient)


@pytest.mark.parametrize(
    ("status", "period", "seen"),
    [
        ("in-progress", {"start": day(-400)}, True),
        ("finished", {"start": day(-110), "end": day(-100)}, True),
        ("finished", {"start": day(-300), "end": day(-200)}, False),
        ("cancelled", {"start": day(-1)}, False),
        ("entered-in-error", {"start": day(-1)}, False),
    ],
)
def test_treatment_opens_the_record_for_a_while(
    county: County, patient: str, status: str, period: Resource, seen: bool
) -> None:
    """While the visit lasts and 180 days afterwards."""
    county.put(encounter(f"e-{patient}", patient, "hospital", status, period=period))
    assert sees(county.client("hospital"), patient) is seen


def test_a_department_opens_it_for_its_hospital(county: County, patient: str) -> None:
    """And a role of a practitioner for the institution it belongs to."""
    county.put(encounter(f"e-{patient}", patient, "cardiology"))
    assert sees(county.client("hospital"), patient)
    assert not sees(county.client("centre"), patient)
    plan = {"resourceType": "CarePlan", "id": f"c-{patient}", "status": "active", "intent": "plan"}
    county.put(plan | {"subject": to(f"Patient/{patient}"), "author": to("PractitionerRole/reader")})
    assert sees(county.client("centre"), patient)


def test_a_referral_opens_it_for_sender_and_receiver(county: County, patient: str) -> None:
    """From when it is sent; not when it is rejected."""
    task: Resource = {
        "resourceType": "Task",
        "id": f"t-{patient}",
        "status": "draft",
        "intent": "order",
        "businessStatus": {"coding": [{"system": STATE, "code": "draft"}]},
        "for": to(f"Patient/{patient}"),
        "requester": to("Organization/village"),
        "owner": to("Organization/hospital"),
        "authoredOn": day(-1),
    }
    county.put(task)
    assert not sees(county.client("hospital"), patient)
    for status, seen in (("requested", True), ("in-progress", True), ("rejected", False)):
        county.put(task | {"status": status})
        assert sees(county.client("hospital"), patient) is seen
        assert sees(county.client("village"), patient) is seen


def test_an_order_opens_what_a_reader_needs(county: County, patient: str) -> None:
    """Results and diagnoses, not the rest of the record."""
    county.put(encounter(f"e-{patient}", patient, "township"))
    order: Resource = {"resourceType": "ServiceRequest", "id": f"s-{patient}", "status": "active", "intent": "order"}
    order |= {"subject": to(f"Patient/{patient}"), "code": coded("ECG"), "authoredOn": day(0)}
    county.put(order | {"requester": to("Organization/township"), "performer": [to("Organization/centre")]})
    centre = county.client("centre")
    assert ids(centre, f"Observation?patient={patient}") == {f"o-{patient}"}
    assert ids(centre, f"ServiceRequest?patient={patient}") == {f"s-{patient}"}
    assert ids(centre, f"Encounter?patient={patient}") == set()
    assert f"e-{patient}" not in centre.get(f"Patient/{patient}/$everything").text
    county.put(order | {"status": "revoked", "performer": [to("Organization/centre")]})
    assert ids(centre, f"Observation?patient={patient}") == set()


def test_a_consent_opens_it_and_its_withdrawal_closes_it(county: County, patient: str) -> None:
    """To the institutions it names, in its period, for the types it names."""
    hospital = county.client("hospital")
    permit = {"type": "permit", "period": {"start": day(-1), "end": day(30)}, "actor": [actor("hospital")]}
    county.put(consent(f"c-{patient}", patient, permit, by="township"))
    assert sees(hospital, patient)
    assert not sees(county.client("centre"), patient)
    for closed in (
        consent(f"c-{patient}", patient, permit, by="township", status="inactive"),
        consent(f"c-{patient}", patient, permit | {"period": {"end": day(-2)}}, by="township"),
        consent(f"c-{patient}", patient, permit | {"period": {"start": day(2)}}, by="township"),
        consent(f"c-{patient}", patient, permit | {"class": [{"code": "Condition"}]}, by="township"),
        consent(f"c-{patient}", patient, permit | {"code": [coded("x")]}, by="township"),
        consent(f"c-{patient}", patient, permit | {"purpose": [{"code": "HMARKT"}]}, by="township"),
        consent(f"c-{patient}", patient, {"type": "permit"}, by="township"),
    ):
        county.put(closed)
        assert not sees(hospital, patient), closed["provision"]
    data = [{"meaning": "instance", "reference": to(f"Observation/o-{patient}")}]
    county.put(consent(f"c-{patient}", patient, permit | {"data": data}, by="township"))
    assert ids(hospital, f"Observation?patient={patient}&_total=accurate") == {f"o-{patient}"}
    assert hospital.get(f"Patient/{patient}").status_code == 404
    assert county.office.delete(f"Consent/c-{patient}").status_code in (200, 204)
    assert not sees(hospital, patient)


def test_a_refusal_closes_what_else_is_open(county: County, patient: str) -> None:
    """To those it names or to all; never to the own institution or the author; an exception stays open."""
    clients = {name: county.client(name) for name in ("hospital", "centre", "township")}
    for name in ("hospital", "centre"):
        county.put(encounter(f"e-{name}-{patient}", patient, name))
    county.put(observation(f"own-{patient}", patient), by=clients["hospital"])
    county.put(consent(f"n-{patient}", patient, {"type": "deny", "actor": [actor("hospital")]}, by="township"))
    assert [sees(each, patient) for each in clients.values()] == [False, True, True]
    assert clients["hospital"].get(f"Observation/own-{patient}").status_code == 200
    exception = {"type": "permit", "actor": [actor("centre")]}
    county.put(consent(f"n-{patient}", patient, {"type": "deny", "provision": [exception]}, by="township"))
    assert [sees(each, patient) for each in clients.values()] == [False, True, True]
    county.put(consent(f"n-{patient}", patient, {"type": "deny"}, by="township"))
    assert [sees(each, patient) for each in clients.values()] == [False, False, True]
    county.put(consent(f"n-{patient}", patient, {"type": "deny"}, by="township", status="inactive"))
    assert [sees(each, patient) for each in clients.values()] == [True, True, True]


def test_a_relation_holds_for_all_records_of_a_person(county: County) -> None:
    """Visits on one record open the linked ones and the golden one, both ways."""
    body = f"37059919500101{next(NUMBERS):03d}"
    identity = [{"system": "urn:oid:2.16.156.10011.1.3", "value": body + check_character(body)}]
    more = {"identifier": identity, "name": [{"text": "欧阳明"}], "birthDate": "1950-01-01", "gender": "male"}
    county.put(*[{"resourceType": "Patient", "id": f"{name}-{body}"} | more for name in ("one", "two")])
    county.put(observation(f"o-two-{body}", f"two-{body}"))
    hospital = county.client("hospital")
    assert hospital.get(f"Patient/two-{body}").status_code == 404
    county.put(encounter(f"e-{body}", f"one-{body}", "hospital"))
    assert hospital.get(f"Patient/two-{body}").status_code == 200
    assert f"o-two-{body}" in hospital.get(f"Patient/one-{body}/$everything").text
    golden = next(one for one in ids(hospital, f"Patient?identifier={identity[0]['value']}") if body not in one)
    assert ids(hospital, f"Observation?patient={golden}") == {f"o-two-{body}"}


def test_a_patient_scope_writes_to_its_own_record_only(county: County) -> None:
    """It reads the linked records, too, with what is labelled, whatever relations institutions have."""
    body = f"37059919600101{next(NUMBERS):03d}"
    identity = [{"system": "urn:oid:2.16.156.10011.1.3", "value": body + check_character(body)}]
    more = {"identifier": identity, "name": [{"text": "司马云"}], "birthDate": "1960-01-01", "gender": "female"}
    records = [{"resourceType": "Patient", "id": f"{name}-{body}"} | more for name in ("app", "ward")]
    county.put(*records)
    hiv = {"resourceType": "Condition", "id": f"h-{body}", "subject": to(f"Patient/ward-{body}")}
    county.put(hiv | {"code": coded("HIV", ICD10, "B20.x00")})
    who = Principal("app", "token", "app", (), ("patient/*.cruds",), f"app-{body}")

    def asking(kind: str, of: Resource, change: Resource | None = None) -> Interaction:
        return Interaction(kind, of["resourceType"], of["id"], body=change, principal=who)

    own, other = records
    mine, theirs = (observation(f"{name}-of-{body}", f"{name}-{body}") for name in ("app", "ward"))
    assert county.statuses(
        *(asking("read", one) for one in (own, other, hiv)),
        asking("update", own, own | {"active": True}),
        asking("update", other, other | {"active": True}),
        asking("update", mine, mine),
        asking("update", theirs, theirs),
    ) == [200, 200, 200, 200, 404, 201, 403]


def test_roles_and_the_setting_open_the_county(county: County, patient: str, serve: Callable[..., TestClient]) -> None:
    """A role that the table names sees the whole county with system/ scopes; ``record_access`` open shows all that
    scopes allow."""
    assert sees(county.client("elsewhere", roles=("referral-statistics",)), patient)
    assert not sees(county.client("elsewhere", "user/*.cruds", roles=("referral-statistics",)), patient)
    assert not sees(county.client("elsewhere", roles=("doctor",)), patient)
    opened = serve(store=county.store, auth="keys", record_access="open")
    assert sees(county.client("elsewhere", server=opened), patient)


def test_what_names_nobody_is_for_everybody(county: County) -> None:
    """Institutions, practitioners, terminology; not what should name a resident and does not."""
    village = county.client("village")
    assert {"hospital", "township"} <= ids(village, "Organization?_count=50")
    assert village.get("PractitionerRole/reader").status_code == 200
    county.put({"resourceType": "Basic", "id": "plan", "code": coded("x")})
    assert village.get("Basic/plan").status_code == 200


def test_an_institution_sees_what_it_wrote(county: County) -> None:
    """Though nothing in the resource says whose it is; it is known after an update by another, too."""
    village = county.client("village")
    made = village.post("Patient", json={"resourceType": "Patient"}).json()
    assert village.get(f"Patient/{made['id']}").status_code == 200
    assert county.client("hospital").get(f"Patient/{made['id']}").status_code == 404
    assert village.put(f"Patient/{made['id']}", json=made | {"active": True}).status_code == 200
    county.put(made | {"active": False})
    assert village.get(f"Patient/{made['id']}").status_code == 200


def report(patient: str, *performers: str) -> Resource:
    """A report that these performed."""
    made = {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "code": coded("ECG"),
        "subject": to(f"Patient/{patient}"),
    }
    return made | ({"performer": [to(one) for one in performers]} if performers else {})


def test_reports_are_written_by_their_centre(county: County, patient: str) -> None:
    """403 in both languages for another's, in a bundle at its entry; a role of the centre is the centre."""
    centre, hospital = county.client("centre"), county.client("hospital")
    refused = hospital.post("DiagnosticReport", json=report(patient, "Organization/centre"))
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (403, "forbidden")
    assert "报告只能由实施检查的机构书写" in refused.text
    for performers in (("Organization/centre",), ("PractitionerRole/reader",), ()):
        assert centre.post("DiagnosticReport", json=report(patient, *performers)).status_code == 201
    entry = {
        "resource": report(patient, "Organization/centre"),
        "request": {"method": "POST", "url": "DiagnosticReport"},
    }
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    refused = hospital.post("", json=bundle)
    assert (refused.status_code, refused.json()["issue"][0]["expression"][0][:15]) == (403, "Bundle.entry[0]")
    assert county.office.post("DiagnosticReport", json=report(patient, "Organization/centre")).status_code == 201


def test_townships_and_villages_write_for_their_residents(county: County, patient: str) -> None:
    """A condition of a resident of another institution is refused; with a relation, or together with a record of its
    own, it is taken; a county hospital writes for whoever comes."""
    township, village, hospital = (county.client(name) for name in ("township", "village", "hospital"))
    condition = {"resourceType": "Condition", "code": coded("x"), "subject": to(f"Patient/{patient}")}
    refused = village.post("Condition", json=condition)
    assert refused.status_code == 403
    assert "乡镇、村级机构" in refused.text
    assert township.post("Condition", json=condition).status_code == 201
    assert hospital.post("Condition", json=condition).status_code == 201
    county.put(encounter(f"v-{patient}", patient, "village"))
    assert village.post("Condition", json=condition).status_code == 201
    urn = "urn:uuid:0a3c8f5e-3b7e-4d5a-9b55-0c2b8a1f6d11"
    rows = [
        {"fullUrl": urn, "resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}},
        {"resource": condition | {"subject": to(urn)}, "request": {"method": "POST", "url": "Condition"}},
    ]
    assert village.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": rows}).status_code == 200


LABELLED = (
    ("infectious-disease", "Condition", {"code": coded("HIV", ICD10, "B20.x00")}, "HIV"),
    ("infectious-disease", "Condition", {"code": coded("dual", ICD10, "K77.0*+B18.100")}, "viral-hepatitis"),
    ("infectious-disease", "Observation", {"code": coded("HBsAg", "http://loinc.org", "5195-3")}, "viral-hepatitis"),
    ("infectious-disease", "Observation", {"code": coded("梅毒螺旋体抗体")}, "STD"),
    ("psychiatry", "Condition", {"code": coded("x", ICD10, "F20.000")}, "PSY"),
    ("psychiatry", "MedicationRequest", {"medicationCodeableConcept": coded("奥氮平片 5mg"), "intent": "order"}, "PSY"),
)


@pytest.mark.parametrize(("role", "kind", "more", "label"), LABELLED)
def test_sensitive_data_are_labelled_and_need_their_role(
    county: County, patient: str, role: str, kind: str, more: Resource, label: str
) -> None:
    """In the written bytes; without the role (or a scope that names the label) they are not there: in reads, searches,
    totals, includes, history, $everything."""
    name = f"l-{patient}"
    status = {} if kind == "Condition" else {"status": "final" if kind == "Observation" else "active"}
    sensitive = {"resourceType": kind, "id": name, "subject": to(f"Patient/{patient}")} | status | more
    sensitive["meta"] = {"security": [{"system": "https://own.example", "code": "mine"}]}
    county.put(sensitive)
    labels = [one["code"] for one in county.office.get(f"{kind}/{name}").json()["meta"]["security"]]
    assert labels == ["mine", "R", label]
    without, allowed = county.client("township"), county.client("township", roles=(role,))
    system = county.office.get(f"{kind}/{name}").json()["meta"]["security"][2]["system"]
    scoped = county.client("township", "system/*.rs", f"system/{kind}.rs?_security={system}|{label}")
    for client, seen in ((without, False), (allowed, True), (scoped, True)):
        assert (client.get(f"{kind}/{name}").status_code == 200) is seen
        assert (client.get(f"{kind}/{name}/_history").status_code == 200) is seen
        assert (ids(client, f"{kind}?patient={patient}&_id={name}") == {name}) is seen
        assert client.get(f"{kind}?_id={name}&_summary=count").json()["total"] == int(seen)
        assert (name in client.get(f"Patient/{patient}/$everything").text) is seen
        assert (name in client.get(f"Patient?_id={patient}&_revinclude={kind}:subject").text) is seen
        assert (ids(client, f"Patient?_id={patient}&_has:{kind}:subject:_id={name}") == {patient}) is seen
        assert (
            f'"{kind}/{name}' in client.get(f"{kind}/_history?_count=100").text.replace("fullUrl", "")
        ) is False or seen


def test_what_a_writer_said_of_labels_stays_with_it(county: County, patient: str) -> None:
    """Nothing is added to what is not sensitive, nor twice."""
    county.put(observation(f"plain-{patient}", patient))
    assert "security" not in county.office.get(f"Observation/plain-{patient}").json()["meta"]
    hiv = {"resourceType": "Condition", "id": f"h-{patient}", "subject": to(f"Patient/{patient}")}
    hiv["code"] = coded("HIV", ICD10, "B20.x00")
    county.put(hiv)
    first = county.office.get(f"Condition/h-{patient}").json()
    county.put(first)
    assert county.office.get(f"Condition/h-{patient}").json()["meta"]["security"] == first["meta"]["security"]


def test_a_treating_clinician_of_the_author_sees_what_is_labelled(county: County, patient: str) -> None:
    """By the role that the table names for the own institution; not elsewhere."""
    hiv = {"resourceType": "Condition", "id": f"h-{patient}", "subject": to(f"Patient/{patient}")}
    county.put(hiv | {"code": coded("HIV", ICD10, "B20.x00")}, by=county.client("township"))
    county.put(encounter(f"e-{patient}", patient, "hospital"))
    role = ("treating-clinician",)
    assert county.client("township", roles=role).get(f"Condition/h-{patient}").status_code == 200
    assert county.client("township").get(f"Condition/h-{patient}").status_code == 404
    assert county.client("hospital", roles=role).get(f"Condition/h-{patient}").status_code == 404


def test_visible_to_tells_for_others(county: County, patient: str) -> None:
    """What a principal who does not ask at the moment may see, by its grant and relations as they are now."""
    keys = {("Observation", f"o-{patient}"), ("Patient", patient), ("Observation", "nowhere")}
    scopes = ("system/Observation.r",)
    assert county.visible_to(Principal("x", "key", "township", (), scopes), keys) == {("Observation", f"o-{patient}")}
    assert county.visible_to(Principal("x", "key", "village", (), scopes), keys) == set()
    assert county.visible_to(Principal("x", "local", None, (), ("system/*.rs",)), keys) == keys - {
        ("Observation", "nowhere")
    }
