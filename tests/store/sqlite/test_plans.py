"""No search reads a whole table: SQLite's plans of every supported shape, and which shapes walk an index by nature."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from urllib.parse import parse_qsl

import apsw
import pytest

from countyfhir.exchange import ALL, Grant
from countyfhir.search import parse
from countyfhir.search.context import default_context
from countyfhir.search.query import OwnBy, SeenBy, Unlabelled
from countyfhir.store.sqlite import connecting, leading, search, sorting
from countyfhir.store.sqlite.names import Names
from countyfhir.store.sqlite.options import Options
from countyfhir.terminology.knowledge import open_terminology
from tests.search_oracle import asking
from tests.search_oracle.drawn_resources import KEYS, resources

CONTEXT = replace(default_context(), concepts=open_terminology(None))
TABLES = frozenset({"resource", "version", "token", "reference", "date", "string", "number", "uri"})

SELECTIVE = (
    "Patient?_id=p1,p2",
    "Patient?identifier=urn:s|1",
    "Patient?identifier=1",
    "Patient?identifier:of-type=urn:t|MR|110105491231002",
    "Patient?name=zhou",
    "Patient?family:exact=Zhou&gender=male",
    "Observation?code:text=zhou",
    "Observation?subject=Patient/p1",
    "Observation?subject=p1&date=ge2024-01-01",
    "Observation?subject:Patient=p1",
    "Observation?subject:identifier=urn:s|1",
    "Observation?subject=https://elsewhere.org/fhir/Patient/p1",
    "Observation?date=2024-02-29",
    "Observation?date=sa2024-02-29",
    "Observation?date=eb2024-02-29",
    "Observation?date=ne2024",
    "Observation?value-quantity=5.4|http://unitsofmeasure.org|mg",
    "Observation?value-quantity=gt5.4",
    "Observation?code-value-quantity=8480-6$gt5",
    "Observation?combo-code=8480-6",
    "Observation?combo-code-value-quantity=8480-6$gt5",
    "RiskAssessment?probability=lt0.5",
    "ValueSet?url=http://a.org/f",
    "ValueSet?url:below=http://a.org/f",
    "ValueSet?url:above=http://a.org/f/ValueSet/1",
    "Observation?_lastUpdated=gt2020-01-01",
    "Observation?_profile=http://a.org/f",
    "Observation?patient.identifier=urn:s|1",
    "Observation?subject:Patient.organization.name=zhou",
    "Patient?_has:Observation:patient:code=8480-6",
    "Patient?_has:Encounter:patient:_has:Observation:encounter:code=8480-6",
    "Patient?_has:Observation:patient:encounter.type=8480-6",
    "Observation?code=8480-6,A&subject=Patient/p1&_sort=-date,code",
    "Patient?name=zhou&_sort=family,-birthdate,general-practitioner",
    "Observation?subject=Patient/p1&_include=Observation:performer&_include:iterate=*&_revinclude=Observation:has-member",
    "ValueSet?url=http://a.org/f&_include=*&_revinclude=*",
    "ValueSet?url:below=http://a.org/f|1",
    "Observation?code:in=http://hl7.org/fhir/ValueSet/observation-vitalsignresult",
    "Encounter?class:below=http://terminology.hl7.org/CodeSystem/v3-ActCode|AMB",
    "Observation?subject:Patient.gender:in=http://hl7.org/fhir/ValueSet/administrative-gender&code=8480-6",
    "Encounter?part-of:below=e1",
    "Encounter?part-of:above=e1",
    "MedicationRequest?_id=m1&_contained=true",
    "Patient?name=zhou&_contained=both",
    "MedicationRequest?subject:Patient.name=zhou&_contained=both",
    "Patient?_list=l1",
    "Condition?_list=$current-problems",
    "Patient?_filter=name sw zhou and gender eq male",
    "Patient?_filter=birthdate gt 2000 or identifier eq 1",
    "Observation?_filter=subject[gender eq female].family sw zhou",
    "Observation?code:code-text=8480",
    "Observation?_content=zhou",
    "Location?near=36|120|5|km",
    "Observation?status=final,amended&subject=Patient/p1&_sort=-date",
    "QuestionnaireResponse?questionnaire=http://q.org/1",
    "QuestionnaireResponse?questionnaire.title=zhou",
)
"""Answered from what stands under a value, while fewer than ``leading.few`` rows do."""

LINEAR = (
    "Patient?",
    "Patient?_sort=-_lastUpdated",
    "Patient?_sort=name,gender",
    "Observation?_sort=-subject",
    "Observation?_sort=value-quantity,-date",
    "Observation?_sort=code",
    "Observation?_sort=combo-code",
    "Observation?_sort=-combo-value-quantity,date",
    "ValueSet?_sort=url",
    "Patient?gender:not=male",
    "Patient?_id:not=p1",
    "Observation?date:missing=true",
    "Observation?date:missing=false",
    "Patient?name:contains=o",
    "Patient?identifier=urn:s|",
    "?_type=Patient,Observation&_sort=_lastUpdated",
    "Patient?_has:Observation:patient:date:missing=true",
    "Observation?subject:Patient.name:contains=o",
    "Patient?_filter=name ew o",
    "Patient?_filter=not (gender eq male)",
    "Observation?code:not-in=http://hl7.org/fhir/ValueSet/observation-vitalsignresult",
)
"""By nature these walk the index of a type or of a parameter, in the order asked for where there is one, until the page
is full; under the time limit of searches."""


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    """A store in which every parameter of the shapes has rows."""
    path, random = tmp_path_factory.mktemp("plans") / "county.sqlite", Random(7)
    drawn = [resources(*key).draw(random) for _ in range(3) for key in KEYS]
    for number, resource in enumerate(drawn):
        resource["id"] = f"{resource['id']}-{number}" if number >= len(KEYS) else resource["id"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.stores.chosen", "sqlite")  # its plans are SQLite's, whatever store the tests run on
        asking.with_server(Path(path), lambda opened: asking.put_all(opened, drawn))
    connection = connecting.connect(str(path), Options())
    yield connection
    connection.close()


def statements(connection: apsw.Connection, shape: str, grant: Grant = ALL) -> list[tuple[str, object]]:
    """Every statement that answers the first, the second and the counted page of a shape."""
    place, _, query = shape.partition("?")
    asked = parse.search(place or None, [*parse_qsl(query), ("_count", "1")], CONTEXT).query
    told: list[tuple[str, object]] = []

    def note(cursor: apsw.Cursor, sql: str, bindings: object) -> bool:
        told.append((sql, bindings))
        return True

    connection.exec_trace = note
    try:
        names = Names()
        first = search.page(connection, names, asked, grant, 100)
        more = parse.Query(asked.resource_types, asked.where, asked.sort, 1, "accurate", asked.includes, first.cursor)
        search.page(connection, names, more, grant, 100)
    finally:
        connection.exec_trace = None
    return told


def steps(connection: apsw.Connection, sql: str, bindings: object) -> list[tuple[str, str, str]]:
    """``(SCAN or SEARCH, table, the step)`` for each step of the plan that reads one of the large tables."""
    words_after = ("WHERE", "CROSS", "JOIN", "INDEXED", "ON", "ORDER", "UNION")
    named = re.findall(r"(?:FROM|JOIN)\s+(\w+)\s+(?:AS\s+)?(\w+)", sql)
    aliases = {alias: table for table, alias in named if table in TABLES and alias.upper() not in words_after}
    names = {table: table for table in TABLES} | aliases
    found = []
    for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {sql}", bindings):  # type: ignore[arg-type]
        words = detail.split()
        if words[0] in ("SCAN", "SEARCH") and words[1] in names:
            found.append((words[0], names[words[1]], detail))
    return found


@pytest.mark.parametrize("way", ["selective", "broad", "tried", "sorted"])
@pytest.mark.parametrize("shape", [*SELECTIVE, *LINEAR])
def test_no_shape_scans_a_table(county: apsw.Connection, shape: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether few or many rows match, a walk is tried first, or what leads is sorted before it is probed: every step on
    a large table looks up an index."""
    if way == "tried":
        monkeypatch.setattr(sorting, "is_thick", lambda selection, limit: selection.rows > 0)
    if way == "sorted":
        monkeypatch.setattr(sorting, "WORTH_SORTING", 0)
    if way == "broad":
        monkeypatch.setattr(leading, "least", lambda scope, choices: None)
    read = [step for told in statements(county, shape) for step in steps(county, *told)]
    assert read
    assert [detail for way, _, detail in read if way == "SCAN"] == []


def walks(connection: apsw.Connection, shape: str) -> list[str]:
    """The steps that read all rows of a type or of a parameter."""
    read = [detail for told in statements(connection, shape) for _, _, detail in steps(connection, *told)]
    whole = re.compile(r"\((?:type_id|parameter_id)=\?(?: AND (?:unit|system_id)=\?)?\)")
    return [detail for detail in read if whole.search(detail)]


@pytest.mark.parametrize("shape", SELECTIVE)
def test_selective_shapes_look_up_values(county: apsw.Connection, shape: str) -> None:
    """No step reads all rows of a type or of a parameter."""
    assert walks(county, shape) == []


@pytest.mark.parametrize("shape", LINEAR)
def test_only_linear_shapes_are_listed_as_such(county: apsw.Connection, shape: str) -> None:
    """A shape that became selective belongs into the other list."""
    assert walks(county, shape)


@pytest.mark.parametrize(("share", "walked"), [(1.0, True), (0.0, False)])
def test_what_the_latest_resources_fulfil_is_met_on_a_walk(
    county: apsw.Connection, share: float, walked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a reverse chain that most Patients fulfil, the first page is found by probing the latest ones."""
    monkeypatch.setattr(leading, "least", lambda scope, choices: None)
    monkeypatch.setattr(leading, "part", lambda scope, terms: share)
    told = statements(county, "Patient?_has:Observation:patient:code=A")[:-1]
    assert any("INDEXED BY resource_of_type WHERE" in sql for sql, _ in told) == walked


@pytest.mark.parametrize("prefix", ["", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
@pytest.mark.parametrize("parameter", ["date", "value-quantity"])
def test_ranges_are_probed_by_resource(
    county: apsw.Connection, parameter: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A walk asks each resource for its own rows: not all rows on one side of a bound for each resource anew."""
    monkeypatch.setattr(leading, "least", lambda scope, choices: None)
    told = statements(county, f"Observation?{parameter}={prefix}2024&method:missing=true")
    walked = [(sql, bindings) for sql, bindings in told if "INDEXED BY resource_of_type" in sql]
    read = [detail for sql, bindings in walked for _, table, detail in steps(county, sql, bindings)
            if table in ("date", "number")]  # fmt: skip
    assert read
    assert [detail for detail in read if "(rid=?" not in detail] == []


NARROWED = Grant(
    {"*": frozenset("rs")},
    {
        name: (
            (
                (SeenBy(("o1", "o2"), attached=name == "Observation", through=name == "Encounter"),),
                (Unlabelled(frozenset({("urn:s", "a")})), OwnBy(("o1",))),
            ),
        )
        for name in ("Patient", "Observation", "Encounter")
    },
)
"""What an institution may see (docs/access.md)."""


@pytest.mark.parametrize("broad", [False, True], ids=["selective", "broad"])
@pytest.mark.parametrize(
    "shape",
    [
        "Observation?code=8480-6",
        "Observation?code=8480-6&subject=Patient/p1",
        "Observation?_sort=-date",
        "Observation?subject:Patient.name=zhou&_include=*",
        "Patient?name=zhou&_revinclude=*",
        "Patient?_has:Observation:patient:code=8480-6",
        "Encounter?date=ge2020",
    ],
)
def test_narrowing_to_relations_stays_on_indexes(
    county: apsw.Connection, shape: str, broad: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No step of a search by an institution reads a whole table, those of relations and linked persons among them."""
    if broad:
        monkeypatch.setattr(leading, "least", lambda scope, choices: None)
    monkeypatch.setitem(globals(), "TABLES", TABLES | {"relation", "person_record"})
    read = [step for told in statements(county, shape, NARROWED) for step in steps(county, *told)]
    assert {"relation", "person_record"} <= {table for _, table, _ in read}
    first_refusal = "SCAN relation USING COVERING INDEX relation_refused"  # of one row at most: is there any?
    assert [detail for way, _, detail in read if way == "SCAN" and detail != first_refusal] == []


def test_labels_that_nothing_carries_cost_nothing(county: apsw.Connection) -> None:
    """The total of a whole type is read, not counted, for a caller whom a label of no resource narrows."""
    unlabelled = Grant({"*": frozenset("rs")}, {"Location": (((Unlabelled(frozenset({("urn:s", "never")})),),),)})
    told = [sql for sql, _ in statements(county, "Location?", unlabelled)]
    assert "SELECT current FROM resource_type WHERE type_id = ?" in told
    assert [sql for sql in told if "count(*)" in sql] == []


def test_a_scan_would_be_seen(county: apsw.Connection) -> None:
    """The tests above fail when a plan reads a whole table."""
    ((way, table, _),) = steps(county, "SELECT rid FROM string s WHERE original = 'x'", ())
    assert (way, table) == ("SCAN", "string")
