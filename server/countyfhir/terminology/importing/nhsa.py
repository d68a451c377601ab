"""Lists of drugs and consumables of the National Healthcare Security Administration, as CSV or XLSX. The names of the
columns differ from edition to edition: usual ones are known, others are declared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from countyfhir.terminology.concepts import Entry
from countyfhir.terminology.importing import table
from countyfhir.terminology.importing.order import Import, Order, header

LOCAL = "https://fhir.county-hc.example/cs/"
DRUG = re.compile(r"[XZ][A-Z]\d{2}[A-Z]{2}[A-Z]\d{3}[A-Z]\d{3}\d{9}\Z")
"""``XC08CAB037A001020180517``: kind, ATC class, substance, dosage form, specification and maker."""
DRUG_LEVELS = (1, 2, 4, 5, 6, 10, 14)
"""Lengths of the groups above a drug: X, C, C08, C08C, C08CA, substance, dosage form."""

DRUGS: Mapping[str, tuple[str, ...]] = {
    "code": ("药品代码", "国家药品代码", "医保药品代码", "国家医保药品代码", "药品编码", *table.ALIASES["code"]),
    "display": ("药品名称", "注册名称", "通用名", "药品通用名", "医保药品名称", *table.ALIASES["display"]),
    "property:dosage-form": ("剂型", "注册剂型", "实际剂型", "医保剂型"),
    "property:specification": ("规格", "注册规格", "实际规格"),
    "property:packaging": ("包装", "包装材质", "转换比", "最小包装数量"),
    "property:maker": ("生产企业", "药品企业", "企业名称", "生产企业名称"),
    "property:approval-number": ("批准文号",),
    "property:standard-code": ("本位码", "药品本位码"),
}
CONSUMABLES: Mapping[str, tuple[str, ...]] = {
    "code": ("耗材代码", "医用耗材代码", "耗材编码", "医用耗材编码", *table.ALIASES["code"]),
    "display": ("医保通用名", "耗材名称", "医用耗材名称", "三级分类", "注册备案产品名称", *table.ALIASES["display"]),
    "parent": table.ALIASES["parent"],
    "property:material": ("材质", "耗材材质"),
    "property:specification": ("规格", "规格型号", "特征", "特征参数"),
    "property:maker": ("生产企业", "耗材企业", "企业名称"),
    "property:registration-number": ("注册备案号", "注册证号"),
}


def drugs(order: Order) -> Import:
    """The list of drugs; groups by ATC class, substance and dosage form are put above codes of 23 characters."""
    made = _listed(order, DRUGS, "nhsa-drug", "国家医保药品分类与代码")
    return Import(made.header, grouped(made.entries), made.notes)


def consumables(order: Order) -> Import:
    """The list of consumables; a hierarchy only where a column names the parent."""
    return _listed(order, CONSUMABLES, "nhsa-consumable", "国家医保医用耗材分类与代码")


def _listed(order: Order, aliases: Mapping[str, tuple[str, ...]], name: str, title: str) -> Import:
    where, rows = table.read(order, aliases)
    notes: list[str] = []
    version = order.version or f"{datetime.now(tz=UTC):%Y-%m-%d}"
    if not order.version:
        notes.append(f"the list does not say its version: called {version} (say --version)")
    head = header(order.system or LOCAL + name, version, order.title or title)
    head["property"] = [{"code": "notSelectable", "type": "boolean"}, *table.declared(where)]
    return Import(head, table.entries(where, rows, notes), notes)


def grouped(listed: Iterator[Entry]) -> Iterator[Entry]:
    """Drugs with the groups that their codes name above them."""
    done: set[str] = set()
    for one in listed:
        if not DRUG.match(one.code):
            yield one
            continue
        above: tuple[str, ...] = ()
        for length in DRUG_LEVELS:
            group = one.code[:length]
            if group not in done:
                done.add(group)
                properties = ({"code": "notSelectable", "valueBoolean": True},)
                yield Entry(group, None, None, (), properties, above, abstract=True)
            above = (group,)
        yield replace(one, parents=above)
