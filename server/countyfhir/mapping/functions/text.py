"""Text: damage, width, blanks, joining and splitting (dirt M10, M14, M29)."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from countyfhir.mapping.finding import HeldBack
from countyfhir.mapping.functions.function import Function

DAMAGED = re.compile(
    "\ufffd|锟斤|斤拷|烫烫|屯屯"  # decoded twice, or memory that was never filled
    "|[\u00c0-\u00ff][\u0080-\u00bf]"  # UTF-8 shown as Latin-1
    "|[\u00e3-\u00e9][\u0152-\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"  # the same as Windows-1252
    "|(?:[\u00b0-\u00d6\u00d8-\u00f6][\u00a1-\u00d6\u00d8-\u00f6\u00f8-\u00fe]){2,}"  # GBK shown as Latin-1
    "|^[?\\s]*\\?{2,}[?\\s]*$"  # every character replaced
)
REPLACED = re.compile(r"^(?=.*\?\?)[?\s\d.,/:()\-]+$")
"""Every Chinese character replaced, figures and signs kept: '2???', '??3?'."""
IDEOGRAPHS = re.compile("[\u4e00-\u9fff]")
READABLE = re.compile("[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef\u0020-\u007e\u00b7\u2013-\u2026]*")
NEGATIONS = re.compile(
    r"^(?:暂?无|没有|未发现|未诉|否认.*|(?:暂?无|没有|未发现).*(?:史|过敏|过敏药物|异常)|NKDA|NKA)$", re.IGNORECASE
)


def text(value: Any) -> str:
    """The cell without surrounding blanks; damaged text is held back (M29), never repaired."""
    cell = str(value).strip().strip("\u3000")
    if not cell.isascii() and (DAMAGED.search(cell) or read_as_gbk(cell)):
        raise HeldBack("M29")
    if "??" in cell and (DAMAGED.search(cell) or REPLACED.match(cell)):
        raise HeldBack("M29")
    return cell


def read_as_gbk(cell: str) -> bool:
    """Whether the text is UTF-8 that was read as GBK ('鐥呬汉'): its GBK bytes are UTF-8 of readable Chinese, and a
    character of it is not in GB 2312. A character that was lost in between is a question mark."""
    try:
        cell.encode("gb2312")
    except UnicodeEncodeError:
        return any(utf8_inside(part) for part in cell.split("?"))
    return False


def utf8_inside(part: str) -> bool:
    raw = part.encode("gb18030", "replace")
    for lost in range(3):  # the last character may be cut
        try:
            found = raw[: len(raw) - lost].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return bool(IDEOGRAPHS.search(found)) and READABLE.fullmatch(found) is not None
    return False


def narrow(value: Any) -> str:
    """Full-width letters and digits made narrow (NFKC), blanks around removed (M10)."""
    return unicodedata.normalize("NFKC", str(value)).strip()


def upper(value: Any) -> str:
    """Capital letters."""
    return str(value).upper()


NOT_TAKEN = frozenset({"", "-", "--", "/", "无", "未测", "未查", "未做", "未检", "拒测", "拒查"})


def not_taken(plain: str) -> bool:
    """Whether a cell for a measurement says that there is none (M31)."""
    return plain in NOT_TAKEN


def negated(value: Any) -> bool:
    """Whether the text is a negative finding: 无, 否认…, 无…史 (M14)."""
    return bool(NEGATIONS.match(narrow(value)))


def split(value: Any, separators: str = ",，、;；") -> list[str]:
    """The parts between any of the separators, blanks removed."""
    parts = re.split("[" + re.escape(separators) + "]", str(value))
    return [part.strip() for part in parts if part.strip()]


def join(value: Any, *others: Any) -> str | None:
    """The values that are there, one after the other with '；' between."""
    return "；".join(str(part) for part in (value, *others) if part is not None) or None


def choose(value: Any, when_true: Any, when_false: Any = None) -> Any:
    """The second value when the first is true (not blank, not false), else the third."""
    return when_true if value else when_false


def several(value: Any) -> bool:
    """Whether a list has more than one element."""
    return len(value) > 1


def member(value: Any, name: str) -> Any:
    """The member of an object that a function or a code map gave."""
    return value.get(name) if isinstance(value, dict) else None


def joined(value: Any, separator: str = "、") -> str | None:
    """The elements of a list in one text; one alone is itself."""
    if isinstance(value, str):
        return value or None
    return separator.join(str(part) for part in value) or None


def zipped(value: Any, *others: Any) -> list[dict[str, Any]]:
    """Lists side by side: items with ``first``, ``second``, ``third``; a shorter list ends in blanks. What is no list
    is a list of one."""
    names = ("first", "second", "third", "fourth")
    lists = [one if isinstance(one, list) else [] if one is None else [one] for one in (value, *others)]
    return [
        {name: column[row] for name, column in zip(names, lists, strict=False) if row < len(column)}
        for row in range(len(lists[0]))
    ]


def codes(value: Any, separators: str = ",，、;；") -> list[str]:
    """The codes of a cell with several of them, narrow and without blanks."""
    return split(narrow(value), separators)


def xhtml(value: Any) -> str:
    """The text as the div of a Narrative."""
    escaped = str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{escaped}</div>'


FUNCTIONS = (
    Function("text", text, "text without surrounding blanks; damaged text is held back (M29)"),
    Function("narrow", narrow, "full-width letters and digits made narrow (M10)"),
    Function("upper", upper, "capital letters"),
    Function("negated", negated, "true for 无, 否认… (M14)"),
    Function("split", split, "the parts between separators", (1, 2)),
    Function("codes", codes, "the codes in a cell that holds several", (1, 2)),
    Function("join", join, "the values that are there, joined by ；", (1, 8), absent=True),
    Function("choose", choose, "the second value when the first is true, else the third", (2, 3), absent=True),
    Function("side_by_side", zipped, "lists side by side: first, second, third", (2, 4)),
    Function("several", several, "whether a list has more than one element"),
    Function("member", member, "the member of an object", (2, 2)),
    Function("joined", joined, "the elements of a list in one text", (1, 2)),
    Function("xhtml", xhtml, "the text as the div of a Narrative"),
)
