"""Measure/$evaluate-measure over HTTP: every indicator that ships agrees with a plain count, for the whole and in
parts, then and now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from bench.indicator_figures import rows as figures
from countyfhir.operations.measures.finding import shipped_measures
from countyfhir.validation.structure import check

PERIOD = f"periodStart={figures.YEAR}-01-01&periodEnd={figures.YEAR}-12-31"
PLAIN = {"person_index": "off", "workflow": "off", "notifications": "off", "validation": "off"}
COUNTY = figures.county()
TOGETHER = 200
EXPECTED = figures.counted(COUNTY)


def needs(measure: dict[str, Any]) -> list[str]:
    """What the county lacks for the Measure."""
    return [one["valueString"] for one in measure["extension"] if one["url"].endswith("/measure-needs")]


COMPUTABLE = [one["id"] for one in shipped_measures() if not needs(one)]
NOT_COMPUTABLE = [one["id"] for one in shipped_measures() if needs(one)]


@pytest.fixture(scope="module")
def client(serve: Callable[..., TestClient]) -> TestClient:
    """A server that holds the county of the rows."""
    made = serve(**PLAIN)
    fill(made, list(figures.resources(COUNTY)))
    return made


def fill(client: TestClient, resources: list[dict[str, Any]]) -> None:
    """Write them all, some in each transaction."""
    entries = [
        {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
        for one in resources
    ]
    for start in range(0, len(entries), TOGETHER):
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries[start : start + TOGETHER]}
        answer = client.post("", json=bundle)
        assert answer.status_code == 200, answer.text


def evaluated(client: TestClient, measure: str, query: str = PERIOD) -> dict[str, Any]:
    """The MeasureReport."""
    answer = client.get(f"Measure/{measure}/$evaluate-measure?{query}")
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


def counts(part: dict[str, Any]) -> dict[str, int]:
    """Population -> count."""
    return {one["code"]["coding"][0]["code"]: one["count"] for one in part["population"]}


@pytest.mark.parametrize("measure", [one for one in COMPUTABLE if one in EXPECTED])
def test_a_measure_counts_what_a_plain_count_finds(client: TestClient, measure: str) -> None:
    """Numerator, denominator and score."""
    (group,) = evaluated(client, measure)["group"]
    above, below = EXPECTED[measure]
    assert (counts(group)["numerator"], counts(group)["denominator"]) == (above, below)
    assert below > 0
    assert group["measureScore"]["value"] == pytest.approx(above / below, abs=1e-6)


@pytest.mark.parametrize("measure", sorted(figures.minutes(COUNTY)))
def test_means_are_means_of_minutes(client: TestClient, measure: str) -> None:
    """Of those that have both instants."""
    (group,) = evaluated(client, measure)["group"]
    assert group["measureScore"]["value"] == pytest.approx(figures.minutes(COUNTY)[measure], abs=1e-6)


def test_every_measure_is_counted_or_says_what_it_needs(client: TestClient) -> None:
    """No Measure ships without a plain count beside it, but those whose data the county does not have; these give no
    figure."""
    assert {*EXPECTED, *figures.minutes(COUNTY)} == set(COMPUTABLE)
    for measure in NOT_COMPUTABLE:
        answer = client.get(f"Measure/{measure}/$evaluate-measure?{PERIOD}")
        assert answer.status_code == 422
        assert "not computable 不可计算: needs " in answer.json()["issue"][0]["diagnostics"]


def strata(report: dict[str, Any], code: str) -> dict[str, dict[str, int]]:
    """Stratum -> counts."""
    (group,) = report["group"]
    (found,) = [one for one in group["stratifier"] if one["code"][0]["coding"][0]["code"] == code]
    return {one["value"]["text"]: counts(one) for one in found["stratum"]}


def test_strata_divide_the_whole(client: TestClient) -> None:
    """By sex, age band, tier and month; each of the whole is in one; only those asked for are made."""
    report = evaluated(client, "contract-rate", f"{PERIOD}&stratify=sex,age-band")
    assert len(report["group"][0]["stratifier"]) == 2
    for sex in ("male", "female"):
        own = figures.counted([one for one in COUNTY if one.sex == sex])["contract-rate"]
        assert (strata(report, "sex")[sex]["numerator"], strata(report, "sex")[sex]["denominator"]) == own
    old = [one for one in COUNTY if one.birth and one.age(figures.date(figures.YEAR, 12, 31)) >= 65]
    assert strata(report, "age-band")["65+"]["denominator"] == figures.counted(old)["contract-rate"][1]
    assert "not stated 未说明" in strata(report, "age-band")
    shares = evaluated(client, "primary-care-share")
    tiers = strata(shares, "tier")
    assert sum(one["denominator"] for one in tiers.values()) == EXPECTED["primary-care-share"][1]
    assert tiers[figures.TIERS["county"]]["numerator"] == 0
    assert sum(one["denominator"] for one in strata(shares, "month").values()) == EXPECTED["primary-care-share"][1]
    assert "stratifier" not in evaluated(client, "contract-rate", f"{PERIOD}&stratify=none")["group"][0]


def test_every_number_leads_to_what_it_counts(client: TestClient) -> None:
    """subject-list: Lists of persons with the resources behind each; all of them can be read, and nothing else is
    evaluated."""
    report = evaluated(client, "hypertension-control", f"{PERIOD}&reportType=subject-list&stratify=sex")
    lists = {f"#{one['id']}": one for one in report["contained"]}
    (group,) = report["group"]
    strata_parts = [stratum for one in group["stratifier"] for stratum in one["stratum"]]
    behind: set[str] = set()
    for part in (group, *strata_parts):
        for population in part["population"]:
            entries = lists[population["subjectResults"]["reference"]].get("entry", [])
            assert len(entries) == population["count"]
            assert len({entry["item"]["reference"] for entry in entries}) == len(entries)
            behind |= {each["valueReference"]["reference"] for entry in entries for each in entry.get("extension", ())}
    assert behind == {one["reference"] for one in report["evaluatedResource"]}
    for reference in sorted(behind)[:5]:
        assert client.get(reference).json()["type"][0]["text"] == "高血压随访"
    assert check(report) == []


def test_a_person_is_counted_once_by_any_record(client: TestClient) -> None:
    """reportType=subject: the same answer for each of the linked Patients; POST says the same as GET."""
    one = next(one for one in COUNTY if len(one.records) == 2 and figures.counted([one])["contract-rate"] == (1, 1))
    reports = [evaluated(client, "contract-rate", f"{PERIOD}&subject=Patient/{name}") for name in one.records]
    for report in reports:
        assert report["type"] == "individual"
        assert counts(report["group"][0]) == {"initial-population": 1, "denominator": 1, "numerator": 1}
    assert [report["subject"]["reference"] for report in reports] == [f"Patient/{name}" for name in one.records]
    parameters = [
        {"name": "periodStart", "valueDate": "2025"},
        {"name": "periodEnd", "valueDate": "2025"},
        {"name": "measure", "valueString": "https://fhir.county-hc.example/Measure/contract-rate|1"},
        {"name": "subject", "valueString": f"Patient/{one.records[0]}"},
    ]
    posted = client.post("Measure/$evaluate-measure", json={"resourceType": "Parameters", "parameter": parameters})
    assert posted.status_code == 200, posted.text
    same = ("period", "group", "measure", "subject", "evaluatedResource")
    assert [posted.json()[name] for name in same] == [reports[0][name] for name in same]


def test_a_practitioner_and_the_last_receipt_narrow(client: TestClient) -> None:
    """Only the patients of a general practitioner; of one person only what changed since."""
    practitioner = {"resourceType": "Practitioner", "id": "gp"}
    member = {"resourceType": "Patient", "id": "r0x", "generalPractitioner": [{"reference": "Practitioner/gp"}]}
    fill(client, [practitioner, member | {"link": [_to("r1")]}])
    of_gp = evaluated(client, "archive-establishment", f"{PERIOD}&practitioner=Practitioner/gp")["group"][0]
    assert counts(of_gp)["initial-population"] == 1
    own = f"{PERIOD}&subject=Patient/r1&reportType=subject&lastReceivedOn="
    assert "evaluatedResource" in evaluated(client, "archive-establishment", own + "2020-01-01")
    assert "evaluatedResource" not in evaluated(client, "archive-establishment", own + "2999-01-01")
    refused = client.get(f"Measure/archive-establishment/$evaluate-measure?{PERIOD}&lastReceivedOn=2020-01-01")
    assert refused.status_code == 400


def test_a_cut_off_gives_the_same_figures_again(serve: Callable[..., TestClient]) -> None:
    """What was written, changed and deleted since does not count; the report says its cut-off."""
    client = serve(**PLAIN)
    few = COUNTY[:9]
    fill(client, list(figures.resources(few)))
    query = "periodStart=2024-06-01&periodEnd=2026&stratify=sex,tier"
    first = evaluated(client, "primary-care-share", query)
    cut_off = first["extension"][0]["valueInstant"]
    visit = next(f"v{one.number}-{n}" for one in few for n, each in enumerate(one.visits) if each[1] == "visit")
    assert client.delete(f"Encounter/{visit}").status_code == 204
    fill(client, list(figures.resources(COUNTY[9:14])))
    changed = client.get("Organization/county").json() | {"type": [{"text": figures.TIERS["village"]}]}
    client.put("Organization/county", json=changed)
    again = evaluated(client, "primary-care-share", f"{query}&cutOff={cut_off}")
    assert (again["group"], again["extension"]) == (first["group"], first["extension"])
    assert evaluated(client, "primary-care-share", query)["group"] != first["group"]
    early = evaluated(client, "primary-care-share", f"{query}&cutOff=2020-01-01")
    assert counts(early["group"][0])["denominator"] == 0


def test_what_states_the_same_event_is_counted_once(client: TestClient) -> None:
    """Two Encounters of which one says that it is the other; two records of which a review finds it probable."""
    visit = figures.visit_of("twice1", ("town", "visit", figures.date(2030, 3, 1)), "Patient/twice-a")
    told = {"url": figures.OURS + "StructureDefinition/same-event", "valueReference": {"reference": "Encounter/twice1"}}
    coding = {"system": figures.OURS + "cs/task", "code": "person-review"}
    names = ["twice-a", "twice-b", "twice-c"]
    records = [{"type": {"text": "record"}, "valueReference": {"reference": f"Patient/{one}"}} for one in names[:2]]
    grade = {"type": {"text": "match-grade"}, "valueCode": "probable"}
    review: dict[str, Any] = {"resourceType": "Task", "id": "review", "intent": "order", "code": {"coding": [coding]}}
    review |= {"status": "requested", "input": [*records, grade]}

    def persons() -> int:
        return counts(evaluated(client, "archive-establishment")["group"][0])["initial-population"]

    before = persons()
    people = [{"resourceType": "Patient", "id": one} for one in names]
    fill(client, [*people, visit, visit | {"id": "twice2", "extension": [told]}, visit | {"id": "twice3"}, review])
    year = "periodStart=2030&periodEnd=2030"
    assert counts(evaluated(client, "primary-care-share", year)["group"][0])["numerator"] == 2
    assert persons() == before + 2
    assert client.put("Task/review", json=review | {"status": "cancelled"}).status_code == 200
    assert persons() == before + 3
    for one in names:
        fill(client, [{"resourceType": "Patient", "id": one, "link": [_to("r0")]}])
    assert persons() == before


def _to(logical_id: str) -> dict[str, Any]:
    return {"other": {"reference": f"Patient/{logical_id}"}, "type": "seealso"}


@pytest.mark.parametrize(
    ("call", "status", "word"),
    [
        ("contract-rate/$evaluate-measure?periodStart=2025", 400, "periodEnd"),
        (f"contract-rate/$evaluate-measure?{PERIOD}&color=red", 400, "color"),
        (f"contract-rate/$evaluate-measure?{PERIOD}&subject=Group/1", 400, "Patient"),
        (f"contract-rate/$evaluate-measure?{PERIOD}&reportType=subject", 400, "subject"),
        (f"contract-rate/$evaluate-measure?{PERIOD}&reportType=summary", 400, "subject-list"),
        (f"contract-rate/$evaluate-measure?{PERIOD}&stratify=colour", 400, "age-band"),
        (f"contract-rate/$evaluate-measure?{PERIOD}&cutOff=2999-01-01", 400, "future"),
        (f"contract-rate/$evaluate-measure?{PERIOD}&measure=contract-rate", 400, "other"),
        ("contract-rate/$evaluate-measure?periodStart=2025-05&periodEnd=2025-04", 400, "before"),
        (f"nothing/$evaluate-measure?{PERIOD}", 404, "nothing"),
        (f"$evaluate-measure?{PERIOD}&measure=https://example.org/Measure/x", 404, "example.org"),
        (f"$evaluate-measure?{PERIOD}", 400, "Which Measure"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(client: TestClient, call: str, status: int, word: str) -> None:
    """What is missing, unknown or contradictory is named."""
    answer = client.get(f"Measure/{call}")
    assert answer.status_code == status
    assert word in answer.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    ("language", "expression", "word"),
    [
        ("text/cql", "true", "text/fhirpath"),
        ("application/x-fhir-query", "Patient?colour=red", "colour"),
        ("application/x-fhir-query", "Organization?name=x", "{{%context.id}}"),
        ("text/fhirpath", "gender = ", "criteria"),
        ("text/fhirpath", "%nobody.exists()", "nobody"),
    ],
)
def test_a_measure_that_cannot_be_evaluated_names_the_place(
    client: TestClient, language: str, expression: str, word: str
) -> None:
    """A Measure of a client's own: 422 with the FHIRPath of the criteria."""
    code = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/measure-population"}]}
    start = {"code": {"coding": [code["coding"][0] | {"code": "initial-population"}]}}
    start["criteria"] = {"language": "application/x-fhir-query", "expression": "Patient?"}  # type: ignore[assignment]
    other = {"code": {"coding": [code["coding"][0] | {"code": "numerator"}]}}
    other["criteria"] = {"language": language, "expression": expression}  # type: ignore[assignment]
    scoring = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/measure-scoring", "code": "proportion"}]}
    measure: dict[str, Any] = {"resourceType": "Measure", "status": "active", "scoring": scoring}
    made = client.post("Measure", json=measure | {"group": [{"population": [start, other]}]})
    answer = client.get(f"Measure/{made.json()['id']}/$evaluate-measure?{PERIOD}")
    assert answer.status_code == 422
    issue = answer.json()["issue"][0]
    assert issue["expression"] == ["Measure.group[0].population[1]"]
    assert word in issue["diagnostics"]
