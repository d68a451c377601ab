"""Resources that several records state: a person named in every row of a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Bench

MAPPING = """title: 门诊
version: 1
source: {format: csv, file: visits.csv, encoding: utf-8, columns: [N, ID, XM, D]}
record: {key: [N], version: D | date}
values: {name: XM | name, on: D | date}
resources:
  - type: Patient
    key: "{ID}"
    shared: true
    content: {name: [{text: "{name}"}]}
  - type: Encounter
    key: "{N}"
    content:
      status: finished
      class: {system: "http://terminology.hl7.org/CodeSystem/v3-ActCode", code: AMB}
      subject: {ref: Patient, key: "{ID}"}
      period: {start: "{on}"}
"""


def test_a_shared_resource_is_written_only_when_it_says_something_new(bench: Bench) -> None:
    """Same content: no version. Newer content: a version. Older content after newer: nothing."""
    bench.mapping(MAPPING)
    rows = "1,9,张三,2025-01-01\n2,9,张三,2025-02-01\n3,9,张三丰,2025-06-01\n4,9,张三,2025-03-01\n"
    bench.file("visits.csv", "N,ID,XM,D\n" + rows)
    bench.take()
    (patient,) = bench.read("Patient")
    assert (patient["name"][0]["text"], patient["meta"]["versionId"]) == ("张三丰", "2")
    assert len(bench.read("Encounter")) == 4


def test_a_shared_resource_outlives_the_record_that_moves_away(bench: Bench) -> None:
    """A visit that is corrected to another person leaves the first person where they are."""
    bench.mapping(MAPPING)
    bench.file("visits.csv", "N,ID,XM,D\n1,9,张三,2025-01-01\n2,9,张三,2025-01-02\n")
    bench.take()
    bench.file("visits.csv", "N,ID,XM,D\n1,8,李四,2025-01-01\n")
    bench.take()
    assert sorted(patient["name"][0]["text"] for patient in bench.read("Patient")) == ["张三", "李四"]
