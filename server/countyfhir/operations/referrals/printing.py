"""A referral's document on paper, in Chinese: one Page of plain data, written as HTML or as PDF (DOMAIN 3.5: 存根,
转出单, 回转单)."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
from html import escape, unescape
from pathlib import Path
from typing import Any

from countyfhir.exchange import Resource

GENDERS = {"male": "男", "female": "女", "other": "其他", "unknown": "未知"}
PRIORITIES = {"stat": "一级（急诊）", "asap": "二级（尽快）", "urgent": "三级（优先）", "routine": "四级（常规）"}
CHINA = timezone(timedelta(hours=8))
FONT = "STSong-Light"
"""The font that PDF readers have for Chinese, where this machine has none to put into the file."""
FONT_FILES = (
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/wqy-microhei/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/arphic/uming.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/usr/share/fonts/google-droid/DroidSansFallback.ttf",
)
"""Chinese fonts with TrueType outlines, where distributions put them: of one that is there the file gets the characters
it uses."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is printed: the title, the number, pairs of label and value, sections, and the line to sign."""

    title: str
    number: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[tuple[str, str], ...]
    signed: tuple[tuple[str, str], ...]


def page_of(request: Resource, task: Resource | None, letter: Resource, along: dict[str, Resource]) -> Page:
    """The page of a letter or slip; ``along`` are the resources that it refers to, by reference."""
    patient = along.get(_reference(request.get("subject")), {})
    sender, target = request.get("requester"), (request.get("performer") or [{}])[0]
    if "回转" in letter["title"] and _reference(letter.get("custodian")) != _reference(sender):
        sender, target = target, sender  # the slip goes back
    facts = [
        ("转诊号", _number(request)),
        ("方向", "下转" if "down" in str(request.get("category")) else "上转"),
        ("姓名", _name(patient) or str((request.get("subject") or {}).get("display", ""))),
        ("性别", GENDERS.get(str(patient.get("gender")), "")),
        ("出生日期", str(patient.get("birthDate", ""))),
        ("联系电话", _phone(patient)),
        ("家庭住址", _address(patient)),
        ("转出机构", _called(sender, along)),
        ("转入机构", _called(target, along)),
        ("转入科室", str((request.get("performerType") or {}).get("text", ""))),
        ("紧急程度", PRIORITIES.get(str(request.get("priority", "routine")), "")),
        ("转诊原因", "；".join(filter(None, map(_concept, request.get("reasonCode", ()))))),
        ("绿色通道", "是" if _extension(request, "green-channel").get("valueBoolean") else ""),
        ("护送人员", _called(_extension(request, "escort").get("valueReference"), along)),
        ("业务状态", str(((task or {}).get("businessStatus") or {}).get("text", ""))),
    ]
    authors = [one.get("display") or _called(one, along) for one in letter.get("author", ())]
    signed = (
        ("转诊医生签字", "、".join(filter(None, authors))),
        ("机构（盖章）", _called(letter.get("custodian") or sender, along)),
        ("日期", _day(letter.get("date"))),
    )
    told = tuple((one.get("title", ""), _text(one)) for one in letter.get("section", ()))
    return Page(letter["title"], _number(request), tuple(one for one in facts if one[1]), told, signed)


def _reference(value: Any) -> str:
    return str((value or {}).get("reference", ""))


def _number(request: Resource) -> str:
    numbers = (one.get("value", "") for one in request.get("identifier", ()) if "referral" in one.get("system", ""))
    return next(numbers, "")


def _name(patient: Resource) -> str:
    for one in patient.get("name", ()):
        return str(one.get("text") or one.get("family", "") + "".join(one.get("given", ())))
    return ""


def _phone(patient: Resource) -> str:
    return next((str(one.get("value", "")) for one in patient.get("telecom", ()) if one.get("system") == "phone"), "")


def _address(patient: Resource) -> str:
    for one in patient.get("address", ()):
        parts = (one.get(name, "") for name in ("state", "city", "district"))
        return str(one.get("text") or "".join([*parts, *one.get("line", ())]))
    return ""


def _called(reference: Any, along: dict[str, Resource]) -> str:
    found = along.get(_reference(reference))
    if found is None:
        return str((reference or {}).get("display", ""))
    return found["name"] if isinstance(found.get("name"), str) else _name(found)


def _concept(concept: dict[str, Any]) -> str:
    return str(concept.get("text") or next((one.get("display", "") for one in concept.get("coding", ())), ""))


def _extension(request: Resource, name: str) -> dict[str, Any]:
    return next((one for one in request.get("extension", ()) if one.get("url", "").endswith(f"/{name}")), {})


def _day(text: Any) -> str:
    """A date for people, in China's time."""
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return str(text or "")
    local = moment.astimezone(CHINA) if moment.tzinfo else moment
    return f"{local.year}年{local.month}月{local.day}日"


def _text(section: dict[str, Any]) -> str:
    """A section's narrative as lines of plain text; the entries' displays where it has none."""
    div = (section.get("text") or {}).get("div", "")
    lines = re.sub(r"<(br|/p|/li|/tr|/div)[^>]*>", "\n", div)
    plain = unescape(re.sub(r"<[^>]+>", "", lines))
    own = [one.strip() for one in plain.splitlines() if one.strip()]
    own += [one["display"] for one in section.get("entry", ()) if "display" in one and not own]
    own += [f"{one.get('title', '')}：{_text(one)}" for one in section.get("section", ())]
    return "\n".join(own)


def as_html(page: Page) -> bytes:
    """The page as HTML that prints on A4; no script, nothing fetched."""
    rows = "".join(f"<tr><th>{escape(label)}</th><td>{escape(value)}</td></tr>" for label, value in page.facts)
    sections = "".join(
        f"<h2>{escape(title)}</h2><p>{escape(text).replace(chr(10), '<br>')}</p>" for title, text in page.sections
    )
    signed = "".join(f"<span>{escape(label)}：{escape(value)}</span>" for label, value in page.signed)
    return (
        f'<!DOCTYPE html><html lang="zh-CN"><head><meta charset="utf-8"><title>{escape(page.title)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{escape(page.title)}</h1>"
        f"<table>{rows}</table>{sections}<footer>{signed}</footer></body></html>"
    ).encode()


STYLE = (
    "@page{size:A4;margin:20mm}body{font-family:SimSun,'Songti SC','Noto Serif CJK SC',serif;max-width:170mm;"
    "margin:auto;line-height:1.6}h1{text-align:center;font-size:20pt}h2{font-size:12pt;margin:1em 0 .2em}"
    "p{margin:0;min-height:2em}table{border-collapse:collapse;width:100%}th,td{border:1px solid #444;padding:.3em .6em;"
    "text-align:left;font-size:11pt}th{width:7em;font-weight:normal;background:#f2f2f2}"
    "footer{margin-top:2.5em;display:flex;justify-content:space-between}"
)


def as_pdf(page: Page) -> bytes:
    """The page as PDF, A4."""
    from reportlab.lib.pagesizes import A4  # only who prints waits for it
    from reportlab.platypus import SimpleDocTemplate

    written = io.BytesIO()
    document = SimpleDocTemplate(written, pagesize=A4, title=page.title, subject=page.number, author="CountyFHIR")
    document.build(list(_flowing(page, _font())))
    return written.getvalue()


@cache
def _font() -> str:
    """The name of the font, made known."""
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfbase.pdfmetrics import registerFont
    from reportlab.pdfbase.ttfonts import TTFError, TTFont

    for path in FONT_FILES:
        if Path(path).is_file():
            with contextlib.suppress(TTFError):  # outlines of another kind
                registerFont(TTFont("Chinese", path))
                return "Chinese"
    registerFont(UnicodeCIDFont(FONT))
    return FONT


def _flowing(page: Page, font: str) -> Iterator[Any]:
    from reportlab.lib import colors
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph, Spacer, Table

    plain = ParagraphStyle("plain", fontName=font, fontSize=11, leading=17, wordWrap="CJK")
    head = ParagraphStyle("head", parent=plain, fontSize=18, leading=30, alignment=1)
    label = ParagraphStyle("label", parent=plain, fontSize=12, spaceBefore=8)
    yield Paragraph(escape(page.title), head)
    rows = [[Paragraph(escape(name), plain), Paragraph(escape(value), plain)] for name, value in page.facts]
    grid = [("GRID", (0, 0), (-1, -1), 0.5, colors.grey), ("VALIGN", (0, 0), (-1, -1), "TOP")]
    yield Table(rows, colWidths=[80, 370], style=grid)
    for title, text in page.sections:
        yield Paragraph(escape(title), label)
        yield Paragraph(escape(text).replace("\n", "<br/>"), plain)
    yield Spacer(1, 30)
    for name, value in page.signed:
        yield Paragraph(f"{escape(name)}：{escape(value)}", plain)
