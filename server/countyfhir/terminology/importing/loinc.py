"""The LOINC release: its table, the hierarchy of parts, and the Chinese names (LOINC Users' Guide; Using LOINC with
HL7 FHIR)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from countyfhir.terminology.concepts import Entry
from countyfhir.terminology.importing.opening import Member, Meter, delimited, members, named, positions
from countyfhir.terminology.importing.order import Import, ImportProblem, Order, header
from countyfhir.terminology.importing.staging import Staging, staging

URL = "http://loinc.org"
TABLE = r"(^|/)(LoincTable/)?Loinc\.csv$"
HIERARCHY = r"ComponentHierarchyBySystem\.csv$|MultiAxialHierarchy\.csv$"
CHINESE = r"zhCN\d*LinguisticVariant\.csv$"
PROPERTIES = ("COMPONENT", "PROPERTY", "TIME_ASPCT", "SYSTEM", "SCALE_TYP", "METHOD_TYP", "CLASS", "STATUS")
COPYRIGHT = (
    "This material contains content from LOINC (http://loinc.org). LOINC is copyright Regenstrief Institute, Inc. and "
    "the Logical Observation Identifiers Names and Codes (LOINC) Committee and is available at no cost under the "
    "license at http://loinc.org/license."
)
_RELEASE = re.compile(r"loinc[_-]?v?(\d+\.\d+)", re.IGNORECASE)


def loinc(order: Order) -> Import:
    """A release as a zip, as a folder, or its Loinc.csv alone."""
    found = members(order.path)
    tables = named(found, TABLE)
    if not tables:
        raise ImportProblem(f"{order.path} has no LoincTable/Loinc.csv: give the zip or the folder of a LOINC release")
    said = _RELEASE.search(str(order.path.name)) or _RELEASE.search(" ".join(one.name for one in found))
    version = order.version or (said.group(1) if said else None)
    if version is None:
        raise ImportProblem("the name of the release does not say its version: give --version, for example 2.80")
    head = header(order.system or URL, version, order.title or "LOINC", language="en", copyright=COPYRIGHT)
    head |= {"caseSensitive": False, "property": [{"code": name, "type": "string"} for name in PROPERTIES]}
    notes = []
    hierarchy, chinese = named(found, HIERARCHY), named(found, CHINESE)
    for what, there in (("hierarchy of parts", hierarchy), ("Chinese names", chinese)):
        if not there:
            notes.append(f"the release has no {what} here")
    total = sum(one.size for one in (*tables[:1], *hierarchy[:1], *chinese[:1]))
    return Import(head, _entries(tables[0], hierarchy[:1], chinese[:1], Meter(order.tell, total)), notes)


def _entries(table: Member, hierarchy: Sequence[Member], chinese: Sequence[Member], meter: Meter) -> Iterator[Entry]:
    with staging() as staged:
        staged.fill("step", "code TEXT, parent TEXT, text TEXT", _steps(hierarchy, meter))
        staged.index("step", "code, parent")
        staged.fill("name", "code TEXT, text TEXT", _chinese(chinese, meter))
        staged.index("name", "code")
        yield from _parts(staged)
        yield from _terms(table, staged, meter)


def _steps(found: Sequence[Member], meter: Meter) -> Iterator[tuple[str, str, str]]:
    for member in found:
        rows = delimited(member, meter)
        at = positions(next(rows, []), ("CODE", "IMMEDIATE_PARENT", "CODE_TEXT"), member)
        for row in rows:
            code, parent, text = (row[place] for place in at)
            yield code, parent, text


def _chinese(found: Sequence[Member], meter: Meter) -> Iterator[tuple[str, str]]:
    for member in found:
        rows = delimited(member, meter)
        names = [name.strip() for name in next(rows, [])]
        at = {name: place for place, name in enumerate(names)}
        (code,) = positions(names, ("LOINC_NUM",), member)
        whole = [at[name] for name in ("LinguisticVariantDisplayName", "LONG_COMMON_NAME", "SHORTNAME") if name in at]
        parts = [at[name] for name in PROPERTIES[:6] if name in at]
        for row in rows:
            text = next((row[place].strip() for place in whole if row[place].strip()), "")
            text = text or ":".join(row[place].strip() for place in parts if row[place].strip())
            if text:
                yield row[code], text


def _parts(staged: Staging) -> Iterator[Entry]:
    """The parts of the hierarchy, each once, with all that stand above them."""
    sql = "SELECT code, max(text), group_concat(DISTINCT parent) FROM step WHERE code LIKE 'LP%' GROUP BY code"
    for code, text, parents in staged.rows(sql):
        yield Entry(code, text, None, (), (), _listed(parents))


def _terms(table: Member, staged: Staging, meter: Meter) -> Iterator[Entry]:
    rows = delimited(table, meter)
    names = next(rows, [])
    at = positions(names, ("LOINC_NUM", "LONG_COMMON_NAME", "SHORTNAME", *PROPERTIES), table)
    for row in rows:
        code, long_name, short_name, *values = (row[place].strip() for place in at)
        yield _term(code, long_name, short_name, values, staged)


def _term(code: str, long_name: str, short_name: str, values: Sequence[str], staged: Staging) -> Entry:
    designations: list[dict[str, Any]] = [
        {"language": "zh-CN", "value": text} for (text,) in staged.rows("SELECT text FROM name WHERE code=?", code)
    ]
    if short_name and long_name:
        use = {"system": URL, "code": "SHORTNAME"}
        designations.append({"language": "en", "use": use, "value": short_name})
    above = next(staged.rows("SELECT group_concat(DISTINCT parent) FROM step WHERE code=?", code), (None,))[0]
    properties = [{"code": name, "valueString": value} for name, value in zip(PROPERTIES, values, strict=True) if value]
    inactive = values[PROPERTIES.index("STATUS")].upper() == "DEPRECATED"
    display = long_name or short_name or None
    return Entry(code, display, None, tuple(designations), tuple(properties), _listed(above), inactive=inactive)


def _listed(parents: str | None) -> tuple[str, ...]:
    return tuple(one for one in (parents or "").split(",") if one)
