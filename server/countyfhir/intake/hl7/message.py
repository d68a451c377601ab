"""One HL7 v2 message as a tree that FHIRPath can walk (HL7 v2.5.1 chapter 2: encoding rules, escape sequences).

``PID.f3`` are the repetitions of PID-3, each an object of components: ``PID.f3.where(c5 = 'SFZH').c1``; the second
subcomponent of a component is ``c1s2``. A field that a message empties (``""``) is ``{"cleared": …}``. What belongs to
a segment stands inside it: ORC, OBX, NTE, SPM and TQ1 in their OBR, NTE in its OBX, MRG in its PID.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from countyfhir.intake.hl7.charset import charset_of

Tree = dict[str, Any]
SEGMENT_ENDS = re.compile(rb"\r\n|\r|\n")
INSIDE: Mapping[str, tuple[str, ...]] = {
    "OBX": ("OBR", "TXA"),
    "NTE": ("OBX", "OBR", "ORC"),
    "SPM": ("OBR",),
    "TQ1": ("OBR", "ORC", "SCH"),
    "DG1": ("OBR",),
    "MRG": ("PID",),
    "RXR": ("RXO", "RXE", "RXD"),
}
"""Segments that belong to the latest of these before them; at the top where there is none. DG1 before any OBR is the
visit's; what stands between an ORC and its OBR is the order's, not the one's before."""
OF_ORDERS = ("OBR", "OBX", "SPM", "TXA")
NOTHING = '""'
"""What takes a value away (section 2.5.3.6); an absent field is no change."""
BEFORE_ORDER = "ORC"
ORDERS = ("OBR", "RXO", "RXE", "RXD")
"""An ORC belongs to the order segment after it."""


LAYOUT = re.compile(r"\.(?:br|ce|fi|nf|sp *\+?\d*|in *[+-]?\d*|ti *[+-]?\d*|sk *\+?\d*)")
MOST_LINES = 20


class NotHl7(ValueError):
    """The bytes are no HL7 v2 message; the message says why."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The separators that MSH-1 and MSH-2 declare; an absent one never occurs."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str


def read_message(raw: bytes, default_charset: str) -> Tree:
    """The tree of one message; NotHl7 when it has no readable MSH, or several, UnicodeDecodeError when its text is not
    what MSH-18 (or else ``default_charset``) says."""
    if not raw.startswith(b"MSH") or len(raw) < 8:
        raise NotHl7("a message begins with MSH and its separators")
    marks = marks_of(raw)
    charset = charset_of(raw, marks.field, marks.repetition, default_charset)
    segments = [one.decode(charset) for one in SEGMENT_ENDS.split(raw) if one.strip()]
    if sum(one.startswith(f"MSH{marks.field}") for one in segments) > 1:
        raise NotHl7("one message has one MSH")
    parsed = [parse_segment(one, marks, charset) for one in segments]
    return grouped([one for one in parsed if one is not None])


def marks_of(raw: bytes) -> Marks:
    signs = raw[3:8].decode("latin-1")
    field, rest = signs[0], signs[1:].split(signs[0])[0]
    if not rest or not all("!" <= sign <= "~" and not sign.isalnum() for sign in field + rest):
        raise NotHl7("MSH-1 and MSH-2 do not declare separators")
    padded = rest.ljust(4, "\0")
    return Marks(field, padded[0], padded[1], padded[2], padded[3])


def parse_segment(text: str, marks: Marks, charset: str) -> tuple[str, Tree] | None:
    """Name and fields; None for a line that is no segment."""
    parts = text.split(marks.field)
    name = parts[0].strip()
    if not re.fullmatch(r"[A-Z][A-Z0-9]{2}", name):
        return None
    fields: Tree = {}
    if name == "MSH":
        fields |= {"f1": [{"c1": marks.field}], "f2": [{"c1": parts[1] if len(parts) > 1 else ""}]}
        parts = ["MSH", "", *parts[1:]]
    for number, value in enumerate(parts[1:], 1):
        if value == NOTHING and name != "MSH":
            fields[f"f{number}"] = [{"cleared": "true"}]
        elif value and f"f{number}" not in fields and (found := repetitions(value, marks, charset)):
            fields[f"f{number}"] = found
    return name, fields


def repetitions(value: str, marks: Marks, charset: str) -> list[Tree]:
    found = (components(one, marks, charset) for one in value.split(marks.repetition))
    return [one for one in found if one]


def components(value: str, marks: Marks, charset: str) -> Tree:
    made: Tree = {}
    for number, component in enumerate(value.split(marks.component), 1):
        for place, part in enumerate(component.split(marks.subcomponent), 1):
            text = unescaped(part, marks, charset)
            if text and text != NOTHING:
                made[f"c{number}" if place == 1 else f"c{number}s{place}"] = text
    return made


def unescaped(text: str, marks: Marks, charset: str) -> str:
    r"""The text that escape sequences stand for: separators, ``\.br\`` and ``\.sp 2\`` as line ends,
    ``\Xhh\`` as bytes of the message's character set; highlighting and layout are dropped, what is not known stays as
    it is."""
    if marks.escape not in text:
        return text
    signs = {"F": marks.field, "S": marks.component, "T": marks.subcomponent, "R": marks.repetition, "E": marks.escape}

    def meant(match: re.Match[str]) -> str:
        code = match[1]
        if code in signs:
            return signs[code]
        if code in ("H", "N"):
            return ""
        if LAYOUT.fullmatch(code):
            return "\n" * line_ends(code)
        if re.fullmatch(r"X(?:[0-9A-Fa-f]{2})+", code):
            return bytes.fromhex(code[1:]).decode(charset, "replace")
        return match[0]

    escape = re.escape(marks.escape)
    return re.sub(f"{escape}([^{escape}]*){escape}", meant, text)


def line_ends(code: str) -> int:
    r"""How many lines a formatting command ends (section 2.7.6): ``.br`` and ``.ce`` one, ``.sp 3`` three, the others
    only say how text is laid out."""
    command, number = code[:3], code[3:].strip(" +")
    if command == ".sp":
        return min(int(number), MOST_LINES) if number.isdigit() else 1
    return 1 if command in (".br", ".ce") else 0


def grouped(segments: list[tuple[str, Tree]]) -> Tree:
    """Segments by name, each inside the one it belongs to; every name holds a list, except MSH and EVN."""
    tree: Tree = {}
    latest: dict[str, Tree] = {}
    waiting: Tree | None = None
    for name, fields in segments:
        if name == BEFORE_ORDER:
            if waiting is not None:
                tree.setdefault(BEFORE_ORDER, []).append(waiting)
            for before in OF_ORDERS:
                latest.pop(before, None)
            waiting = latest[name] = fields
            continue
        if name in ("MSH", "EVN"):
            tree[name] = fields
            continue
        holder = next((latest[one] for one in INSIDE.get(name, ()) if one in latest), tree)
        if name in ORDERS:
            if waiting is not None:
                fields[BEFORE_ORDER], waiting = waiting, None
            latest.pop("OBX", None)
        holder.setdefault(name, []).append(fields)
        latest[name] = fields
    if waiting is not None:
        tree.setdefault(BEFORE_ORDER, []).append(waiting)
    return tree
