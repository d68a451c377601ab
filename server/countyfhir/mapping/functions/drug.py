"""Drug lines and frequencies as they are written by hand (dirt M24)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from countyfhir.mapping.functions.function import Function
from countyfhir.mapping.functions.text import narrow, text

FREQUENCIES: Mapping[str, dict[str, Any]] = {
    "qd": {"frequency": 1, "period": 1, "periodUnit": "d"},
    "bid": {"frequency": 2, "period": 1, "periodUnit": "d"},
    "tid": {"frequency": 3, "period": 1, "periodUnit": "d"},
    "qid": {"frequency": 4, "period": 1, "periodUnit": "d"},
    "qn": {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["HS"]},
    "qod": {"frequency": 1, "period": 2, "periodUnit": "d"},
    "q8h": {"frequency": 1, "period": 8, "periodUnit": "h"},
    "q12h": {"frequency": 1, "period": 12, "periodUnit": "h"},
    "qm": {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["MORN"]},
    "qw": {"frequency": 1, "period": 1, "periodUnit": "wk"},
    "biw": {"frequency": 2, "period": 1, "periodUnit": "wk"},
    "tiw": {"frequency": 3, "period": 1, "periodUnit": "wk"},
    "每周一次": {"frequency": 1, "period": 1, "periodUnit": "wk"},
    "每日一次": {"frequency": 1, "period": 1, "periodUnit": "d"},
    "每日两次": {"frequency": 2, "period": 1, "periodUnit": "d"},
    "每日二次": {"frequency": 2, "period": 1, "periodUnit": "d"},
    "每日三次": {"frequency": 3, "period": 1, "periodUnit": "d"},
    "每日四次": {"frequency": 4, "period": 1, "periodUnit": "d"},
    "每晚一次": {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["HS"]},
}
LINE = re.compile(r"^(?P<name>\S+)\s+(?P<dose>\d+(?:\.\d+)?)(?P<unit>[^\s\d]+)(?:\s+(?P<usage>.+))?$")


def frequency(value: Any) -> dict[str, Any]:
    """A Timing: ``code.text`` as written and ``repeat`` where the first word is a known frequency (qd, bid,
    每日一次)."""
    plain = narrow(value)
    known = repeat(plain)
    timing: dict[str, Any] = {"repeat": dict(known)} if known else {}
    return timing | {"code": {"text": plain}}


TIMES_A_DAY = re.compile(r"^(?:每日|一日|每天|一天|日|1日)\s*([一二两三四]|[1-4])\s*次")
EVERY_HOURS = re.compile(r"^(?:q(\d{1,2})h|每(\d{1,2})(?:个)?小时(?:一次|1次))$", re.IGNORECASE)
TIMES = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4}


def repeat(plain: str) -> Mapping[str, Any] | None:
    """How often, where the text begins with a known frequency."""
    word = plain.split(maxsplit=1)[0].lower() if plain else ""
    if word in FREQUENCIES:
        return FREQUENCIES[word]
    if match := TIMES_A_DAY.match(plain):
        return {"frequency": TIMES.get(match[1]) or int(match[1]), "period": 1, "periodUnit": "d"}
    if (match := EVERY_HOURS.match(word)) and 0 < int(match[1] or match[2]) <= 72:
        return {"frequency": 1, "period": int(match[1] or match[2]), "periodUnit": "h"}
    return None


DOSE = re.compile(
    r"(?P<dose>\d+(?:\.\d+)?)\s*(?P<unit>mg|ml|μg|ug|g|片|粒|袋|支|丸|滴|包|喷|贴|瓶|单位|IU|U)", re.IGNORECASE
)
ROUTES = (
    *("口服", "静脉滴注", "静滴", "静脉注射", "静注", "肌内注射", "肌注", "皮下注射"),
    *("外用", "吸入", "含服", "舌下", "雾化"),
)


def usage(value: Any) -> dict[str, Any]:
    """The parts of a usage text such as '1粒 每日两次 口服': ``text``; ``dose`` and ``unit``, ``timing``, ``route``
    where they are said in words that are known."""
    plain = text(value)
    found: dict[str, Any] = {"text": plain}
    if match := DOSE.search(narrow(plain)):
        found |= {"dose": Decimal(match["dose"]), "unit": match["unit"]}
    said = next((word for word in narrow(plain).split() if word.lower() in FREQUENCIES), None)
    if said:
        found["timing"] = frequency(said)
    if route := next((word for word in ROUTES if word in plain), None):
        found["route"] = route
    return found


def drug_lines(value: Any) -> list[dict[str, Any]] | None:
    """The drugs of '药名 1片 bid；…': ``name``, ``dose`` (number), ``unit``, ``timing``, ``text``."""
    found = []
    for part in re.split("[；;\n]+", text(value)):
        if not part.strip():
            continue
        match = LINE.match(part.strip())
        if match is None:
            found.append({"name": part.strip(), "text": part.strip()})
            continue
        line: dict[str, Any] = {"name": match["name"], "text": part.strip()}
        line |= {"dose": Decimal(match["dose"]), "unit": match["unit"]}
        if match["usage"]:
            line["timing"] = frequency(match["usage"])
        found.append(line)
    return found or None


FUNCTIONS = (
    Function("frequency", frequency, "a Timing of qd, bid, 每日三次 … (M24)"),
    Function("usage", usage, "dose, unit, timing and route of a usage text (M24)"),
    Function("drug_lines", drug_lines, "name, dose, unit, timing of each drug of a text (M24)"),
)
