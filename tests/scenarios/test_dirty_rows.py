"""Many dirty rows sent to $intake: each ends as it must, and the counts add up (scenario 11).

What must become of a row is known from how it was damaged, not from the mapping. ``pytest tests/scenarios --rows
10000`` sends as many.
"""

from __future__ import annotations

import base64
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.http.conftest import running
from tests.stores import store_at

COLUMNS = [
    *("随访编号", "档案编号", "姓名", "身份证号", "随访日期", "随访方式", "收缩压", "舒张压", "体重", "心率"),
    *("服药依从性", "此次随访分类", "随访医生"),
]
DAMAGE: list[tuple[str, str, str, str | None]] = [
    ("随访编号", "", "quarantined", "key-missing"),
    ("随访日期", "", "quarantined", "main-missing"),
    ("档案编号", " ", "quarantined", "main-missing"),
    ("随访方式", "9", "quarantined", "unmapped-code"),
    ("随访日期", "05/01/23", "quarantined", "M07"),
    ("随访日期", "1900-01-01", "quarantined", "M07s"),
    ("姓名", "çŽ‹æ¡‚è\x8a³", "quarantined", "M29"),
    ("体重", "约六十", "stored", "unreadable-number"),
    ("体重", "999", "stored", "implausible-number"),
    ("收缩压", "400", "stored", "M11q"),
    ("身份证号", "000000000000000000", "stored", "M03"),
    ("身份证号", "370599195603128828", "stored", "M04"),
    ("服药依从性", "7", "stored", "unmapped-code"),
    ("随访日期", "2025/2/4", "stored", None),
    ("随访日期", "2025年2月4日", "stored", None),
    ("随访日期", "20250204", "stored", None),
    ("收缩压", "１３７", "stored", None),
    ("身份证号", "３７０５９９１９５６０３１２８８２７", "stored", None),
    ("体重", "NULL", "stored", None),
]
"""Column, what stands in it, the outcome, the issue that says so."""
GIVEN, FAMILY = "兰花山河玉田树林英华文武成才春秋冬夏", "孟牛段贺侯龚白康薛雷贾夏"


def rows(count: int) -> tuple[list[str], list[tuple[str, str | None]]]:
    """Lines, and what must become of each; about half of them are dirty."""
    draw, lines, known = random.Random(11), [], []
    for number in range(count):
        if lines and draw.random() < 0.05 and known[-1] == ("stored", None):
            lines.append(lines[-1])
            known.append(("unchanged", None))
            continue
        row = clean(number, draw)
        if draw.random() < 0.5:
            column, text, outcome, code = draw.choice(DAMAGE)
            row[column] = text
            known.append((outcome, code))
        elif draw.random() < 0.05:
            row = dict(list(row.items())[: draw.randrange(2, 12)])
            known.append(("quarantined", "row-shape"))
        else:
            known.append(("stored", None))
        lines.append(",".join(row.values()))
    return lines, known


def clean(number: int, draw: random.Random) -> dict[str, str]:
    """A visit of one of some hundred residents."""
    resident = draw.randrange(300)
    name = FAMILY[resident % len(FAMILY)] + GIVEN[resident // 17] + GIVEN[resident % 17]
    values = [f"DR{number:06}", f"370599101002{resident:05}", name, "", f"2025-{draw.randrange(1, 13):02}-11", "1"]
    values += [str(draw.randrange(100, 170)), str(draw.randrange(55, 98)), f"{draw.randrange(450, 900) / 10}"]
    return dict(zip(COLUMNS, [*values, str(draw.randrange(55, 99)), "1", "1", "田守信"], strict=True))


def test_every_row_ends_as_it_must(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Outcome and issue of each row, and the sums."""
    lines, known = rows(request.config.getoption("--rows"))
    content = "\n".join([",".join(COLUMNS), *lines, ""]).encode()
    parts = [
        {"name": "name", "valueString": "follow-up.csv"},
        {"name": "content", "valueBase64Binary": base64.b64encode(content).decode()},
    ]
    source = {"name": "source", "valueString": "shanghe-village"}
    body = {"resourceType": "Parameters", "parameter": [source, {"name": "file", "part": parts}]}
    with running(store=store_at(tmp_path / "a.sqlite")) as client:
        answer = client.post("$intake", json=body)
    assert answer.status_code == 200, answer.text
    told = {one["name"]: one for one in answer.json()["parameter"]}
    wanted = Counter(outcome for outcome, _ in known)
    assert {name: told[name]["valueInteger"] for name in ("stored", "unchanged", "quarantined", "rejected")} == {
        name: wanted[name] for name in ("stored", "unchanged", "quarantined", "rejected")
    }
    report = [json.loads(line) for line in base64.b64decode(told["report"]["valueBase64Binary"]).splitlines()]
    assert sorted(line["record"] for line in report) == list(range(1, len(lines) + 1))
    wrong = []
    for line in report:
        outcome, code = known[line["record"] - 1]
        codes = {issue["code"] for issue in line["issues"]}
        if line["outcome"] != outcome or (code not in codes if code else codes):
            wrong.append((lines[line["record"] - 1], line["outcome"], sorted(codes), outcome, code))
    assert wrong[:5] == []
