"""One record of the inputs explained: found by its number or its key, mapped with the lookups of its folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from countyfhir.intake.inputs import Input, Inputs
from countyfhir.intake.lookups import Tables
from countyfhir.intake.readers.formats import READERS
from countyfhir.intake.reading import Record, Unreadable
from countyfhir.intake.run import chosen
from countyfhir.mapping import MappedRecord, apply
from countyfhir.mapping.explain import Explained, explain


@dataclass(frozen=True, slots=True)
class Shown:
    """A record, what it became (before the ledger is asked), and how each element came to be."""

    file: str
    record: int
    mapping: str
    made: MappedRecord
    elements: tuple[Explained, ...]


def shown(inputs: Inputs, wanted: str) -> Iterator[Shown]:
    """The records that ``wanted`` means: a number (12), a key (BRID=10001), or the sheet and key of a workbook
    (病人信息!门诊号=1)."""
    tables = Tables()
    for one in inputs.inputs:
        yield from shown_of(one, wanted, tables)


def readable(records: Iterator[Record]) -> Iterator[Record]:
    """The records of a file as far as it can be read; an intake says why it cannot."""
    with suppress(Unreadable):
        yield from records


def shown_of(one: Input, wanted: str, tables: Tables) -> Iterator[Shown]:
    mapping, reader = one.mapping, READERS[one.mapping.format.format]
    facts = reader.inspect(one.path, mapping.format)
    if facts.problem is not None:
        return
    context = tables.context(mapping, one.path.parent)
    sheet = f"{mapping.format.sheet}!" if mapping.format.sheet else ""
    for record in readable(chosen(one, reader.records(one.path, mapping.format))):
        if record.problem is not None:
            continue
        made = apply(mapping, record.row, context, facts.reused)
        if wanted in (str(record.number), made.key, sheet + made.key, made.subject):
            found = tuple(explain(mapping, record.row, context, facts.reused))
            yield Shown(one.label, record.number, mapping.name, made, found)
