"""ICD-10 and ICD-9-CM-3 as China writes them: lists of codes without their hierarchy, which stands in the codes
themselves. Chapters, three- and four-character categories are put above them, so that ``below=I10`` finds
``I10.x00x002`` and ``below=H36.0*`` finds ``E11.300x011+H36.0*``."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from countyfhir.terminology.concepts import Entry
from countyfhir.terminology.importing import table
from countyfhir.terminology.importing.order import Import, ImportProblem, Order, header

LOCAL = "https://fhir.county-hc.example/cs/"
ICD10 = re.compile(r"[A-Z]\d{2}(?:\.[\dxX]\d{0,2}(?:[xX]\d{3})?)?\*?(?:\+[A-Z]\d{2}(?:\.[\dxX]\d{0,2})?\*)?\Z")
ICD9 = re.compile(r"\d{2}(?:\.\d{1,2}|\.[\dxX]{1,3}[0-9A-Zx]{0,6})?\Z")
_EXTENSION = re.compile(r"(?<=[\dxX]{3})[xX]\d{3}\Z")

CHAPTERS: tuple[tuple[str, str, str], ...] = (
    ("A00", "B99", "某些传染病和寄生虫病"),
    ("C00", "D48", "肿瘤"),
    ("D50", "D89", "血液及造血器官疾病和涉及免疫机制的某些疾患"),
    ("E00", "E90", "内分泌、营养和代谢疾病"),
    ("F00", "F99", "精神和行为障碍"),
    ("G00", "G99", "神经系统疾病"),
    ("H00", "H59", "眼和附器疾病"),
    ("H60", "H95", "耳和乳突疾病"),
    ("I00", "I99", "循环系统疾病"),
    ("J00", "J99", "呼吸系统疾病"),
    ("K00", "K93", "消化系统疾病"),
    ("L00", "L99", "皮肤和皮下组织疾病"),
    ("M00", "M99", "肌肉骨骼系统和结缔组织疾病"),
    ("N00", "N99", "泌尿生殖系统疾病"),
    ("O00", "O99", "妊娠、分娩和产褥期"),
    ("P00", "P96", "起源于围生期的某些情况"),
    ("Q00", "Q99", "先天性畸形、变形和染色体异常"),
    ("R00", "R99", "症状、体征和临床与实验室异常所见，不可归类在他处者"),
    ("S00", "T98", "损伤、中毒和外因的某些其他后果"),
    ("U00", "U99", "用于特殊目的的编码"),
    ("V01", "Y98", "疾病和死亡的外因"),
    ("Z00", "Z99", "影响健康状态和与保健机构接触的因素"),
)
"""First and last category and name of each chapter of ICD-10, by its first category."""
_FIRSTS = [first for first, _, _ in CHAPTERS]


def icd10(order: Order) -> Import:
    """The diagnosis list; without ``system`` the edition of the National Healthcare Security Administration."""
    return _listed(order, LOCAL + "icd10-nhsa", "国家医保版疾病诊断分类与代码(ICD-10)", ICD10, above_diagnosis)


def icd9cm3(order: Order) -> Import:
    """The list of operations and procedures."""
    return _listed(order, LOCAL + "icd9cm3-nhsa", "国家医保版手术操作分类与编码(ICD-9-CM-3)", ICD9, above_procedure)


def _listed(order: Order, url: str, title: str, form: re.Pattern[str], above: Callable[[str], list[str]]) -> Import:
    where, rows = table.read(order)
    notes: list[str] = []
    version = order.version or f"{datetime.now(tz=UTC):%Y-%m-%d}"
    if not order.version:
        notes.append(f"the list does not say its version: called {version} (say --version)")
    head = header(order.system or url, version, order.title or title, caseSensitive=False)
    head["property"] = [{"code": "notSelectable", "type": "boolean"}, *table.declared(where)]
    listed = list(table.entries(where, rows, notes))
    if not listed:
        raise ImportProblem(f"{order.path} has no codes")
    other = [one.code for one in listed if not form.match(one.code)]
    if len(other) > len(listed) // 2:
        raise ImportProblem(f"{order.path} is no list of this kind: '{other[0]}' is no code of it")
    if other:
        notes.append(f"{len(other)} codes have another form and stand below no category, for example {other[0]}")
    return Import(head, with_categories(listed, form, above), notes)


def with_categories(
    listed: Iterable[Entry], form: re.Pattern[str], above: Callable[[str], list[str]]
) -> Iterator[Entry]:
    """The concepts in the order of their codes, each after what stands above it; what the list lacks is made, to be
    seen but not chosen."""
    known = {one.code: one for one in listed}
    done: set[str] = set()

    def made(code: str) -> Iterator[Entry]:
        if code in done:
            return
        done.add(code)
        parents = above(code)
        for parent in parents:
            yield from made(parent)
        own = known.get(code)
        yield _with_parents(own, parents) if own else _category(code, parents)

    for code in sorted(known):
        if form.match(code):
            yield from made(code)
        elif code not in done:
            done.add(code)
            yield known[code]


def _with_parents(own: Entry, parents: list[str]) -> Entry:
    return Entry(
        own.code, own.display, own.definition, own.designations, own.properties, tuple(parents), inactive=own.inactive
    )


def _category(code: str, parents: list[str]) -> Entry:
    name = next((name for first, last, name in CHAPTERS if code == f"{first}-{last}"), None)
    properties = ({"code": "notSelectable", "valueBoolean": True},)
    return Entry(code, name, None, (), properties, tuple(parents), abstract=True)


def above_diagnosis(code: str) -> list[str]:
    """What stands directly above a code of ICD-10: ``E11.300x011+H36.0*`` -> ``E11.300x011``, ``H36.0*``;
    ``E11.300x011`` -> ``E11.300`` -> ``E11.3`` -> ``E11`` -> ``E00-E90``; ``H36.0*`` -> ``H36.0``."""
    if "-" in code:
        return []
    main, plus, second = code.partition("+")
    if plus:
        return [main, second]
    if code.endswith("*"):
        return [code[:-1]]
    shorter = _EXTENSION.sub("", code)
    if shorter != code:
        return [shorter]
    category, dot, rest = code.partition(".")
    if not dot:
        return chapter_of(category)
    return [category] if len(rest) == 1 or rest[0] in "xX" else [f"{category}.{rest[0]}"]


def chapter_of(category: str) -> list[str]:
    """The chapter that a three-character category belongs to."""
    first, last, _ = CHAPTERS[max(bisect_right(_FIRSTS, category) - 1, 0)]
    return [f"{first}-{last}"] if first <= category <= last else []


def above_procedure(code: str) -> list[str]:
    """What stands directly above a code of ICD-9-CM-3: ``00.0200x001`` -> ``00.0200`` -> ``00.02`` -> ``00.0`` ->
    ``00``; ``06.2x00`` -> ``06.2``."""
    shorter = _EXTENSION.sub("", code)
    if shorter != code:
        return [shorter]
    category, dot, rest = code.partition(".")
    if not dot:
        return []
    if len(rest) == 1:
        return [category]
    return [f"{category}.{rest[0]}"] if len(rest) == 2 or rest[1] in "xX" else [f"{category}.{rest[:2]}"]
