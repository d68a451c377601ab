"""What can be imported, how it is recognised, and the import itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from countyfhir.terminology.importing import fhir_json, icd, loinc, nhsa, snomed, table
from countyfhir.terminology.importing.opening import members, named
from countyfhir.terminology.importing.order import Import, ImportProblem, Order
from countyfhir.terminology.knowledge import Terminology

KINDS: Mapping[str, Callable[[Order], Import]] = {
    "icd10": icd.icd10,
    "icd9cm3": icd.icd9cm3,
    "nhsa-drugs": nhsa.drugs,
    "nhsa-consumables": nhsa.consumables,
    "loinc": loinc.loinc,
    "snomed": snomed.snomed,
    "table": table.table,
    "fhir": fhir_json.code_system,
}
"""The kinds by name; ``fhir`` reads ValueSets, ConceptMaps and Bundles, too."""

_SAMPLE = 500
_TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".xls", ".ods")
_CODES: Mapping[str, re.Pattern[str]] = {"icd10": icd.ICD10, "icd9cm3": icd.ICD9, "nhsa-drugs": nhsa.DRUG}


@dataclass(frozen=True, slots=True)
class Written:
    """One resource that is in the index now; ``concepts`` of a code system, ``repeated`` rows whose code was there."""

    kind: str
    url: str
    version: str
    concepts: int = 0
    repeated: int = 0
    notes: tuple[str, ...] = ()


def kind_of(order: Order) -> str:
    """What the file is, by its name and its first rows; ImportProblem when it does not show."""
    found = members(order.path)
    if named(found, loinc.TABLE):
        return "loinc"
    if named(found, snomed.CONCEPTS):
        return "snomed"
    suffixes = {Path(one.name).suffix.lower() for one in found}
    if suffixes & {".json", ".ndjson"}:
        return "fhir"
    if len(found) == 1 and suffixes & set(_TABLES):
        return _kind_of_table(order)
    raise ImportProblem(f"{order.path} shows not what it is: name it with --as, one of {', '.join(KINDS)}")


def _kind_of_table(order: Order) -> str:
    names = [name.strip() for name in next(table.rows_of(order), [])]
    for kind, aliases in (("nhsa-consumables", nhsa.CONSUMABLES), ("nhsa-drugs", nhsa.DRUGS)):
        if names and names[0] in set(aliases["code"]) - set(table.ALIASES["code"]):
            return kind
    where, rows = table.read(order, nhsa.DRUGS)
    codes = [row[where.code].strip() for row in islice(rows, _SAMPLE) if len(row) > where.code]
    for kind, form in _CODES.items():
        if codes and sum(bool(form.match(code)) for code in codes) > 0.9 * len(codes):
            return kind
    return "table"


def bring_in(terminology: Terminology, order: Order, kind: str | None = None) -> list[Written]:
    """Import a file into the index and return what was written. A code system becomes visible in one step when all of
    it is there; before, and after a failure, what was there stays. The same url and version again replaces it, another
    version stands beside it. ImportProblem for what cannot be imported."""
    chosen = kind or kind_of(order)
    if chosen not in KINDS:
        raise ImportProblem(f"there is no kind '{chosen}': one of {', '.join(KINDS)}")
    if chosen == "fhir" and not fhir_json.is_large(order):
        return [_kept(terminology, one) for one in _all(order)]
    return [_streamed(terminology, KINDS[chosen](order))]


def _all(order: Order) -> Sequence[dict[str, object]]:
    found = list(fhir_json.resources(order))
    if not found:
        raise ImportProblem(f"{order.path} holds no CodeSystem, ValueSet or ConceptMap")
    if missing := [one for one in found if not one.get("url")]:
        raise ImportProblem(f"a {missing[0]['resourceType']} has no url")
    return found


def _kept(terminology: Terminology, resource: dict[str, object]) -> Written:
    url, version = str(resource["url"]), str(resource.get("version", ""))
    terminology.load(resource, "import", f"{url}|{version}")
    return Written(str(resource["resourceType"]), url, version, _count(resource.get("concept")))


def _count(concepts: object) -> int:
    if not isinstance(concepts, list):
        return 0
    return sum(1 + _count(one.get("concept")) for one in concepts)


def _streamed(terminology: Terminology, found: Import) -> Written:
    given = 0
    with terminology.writer(found.header) as writer:
        for entry in found.entries:
            writer.add(entry)
            given += 1
        if not given:
            raise ImportProblem("there is no concept in it")
    terminology.changed()
    url, version = found.header["url"], str(found.header.get("version", ""))
    return Written("CodeSystem", url, version, writer.written, given - writer.written, tuple(found.notes))
