"""A data set as a tree that FHIRPath can walk: elements by keyword, sequences as lists (DICOM PS3.5 section 6.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from countyfhir.intake.dicom.charset import Charset, charset, decoded

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Tree = dict[str, Any]
WORDED = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""Value representations whose text is in the character set of the object."""
ONE_VALUE = frozenset({"LT", "ST", "UT", "UR"})
PLAIN = frozenset({"AE", "AS", "CS", "DA", "DT", "TM", "UI", "UR"})
DIGITS = frozenset({"DS", "IS"})
BINARY = frozenset({"FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"})
CHARSET = 0x00080005
DEEPEST = 24
MOMENTS = ("Study", "Series", "Acquisition", "Content", "InstanceCreation")
"""Pairs such as StudyDate and StudyTime are also given as one: StudyDateTime."""
NAME_GROUPS = ("alphabetic", "ideographic", "phonetic")
ASIAN = re.compile(r"[\u2e80-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class Declared:
    """What the mapping says about text: ``undeclared`` for objects without SpecificCharacterSet, ``corrected`` for sets
    that are named wrongly."""

    undeclared: str
    corrected: Mapping[str, str] = field(default_factory=dict)


def tree(dataset: Dataset, declared: Declared) -> Tree:
    """The elements by keyword (private ones by their eight hexadecimal digits): text, numbers, lists of several values,
    sequences as lists of trees, names as ``{text, alphabetic, ideographic, phonetic}``. Values that are bytes are left
    out. UnknownCharset when a text is not in its character set."""
    made = elements(dataset, charset(terms(dataset), declared.undeclared, declared.corrected), declared, 0)
    zone = made.get("TimezoneOffsetFromUTC")
    for one in MOMENTS:
        day, clock = made.get(f"{one}Date"), made.get(f"{one}Time")
        if isinstance(day, str) and f"{one}DateTime" not in made:
            made[f"{one}DateTime"] = moment(day, clock, zone)
    return made


def elements(dataset: Dataset, used: Charset, declared: Declared, depth: int) -> Tree:
    from pydicom.datadict import dictionary_VR, keyword_for_tag

    if depth > DEEPEST:
        raise ValueError("sequences are nested deeper than any object needs")
    made: Tree = {}
    for tag in sorted(dataset.keys()):
        item = dataset.get_item(tag)
        vr = item.VR
        if vr is None or vr == "UN":
            try:
                vr = dictionary_VR(tag)
            except KeyError:
                continue
        name = keyword_for_tag(tag) or f"{int(tag):08X}"
        value = sequence(dataset, tag, used, declared, depth) if vr == "SQ" else element(item, vr, used)
        if value is not None:
            made[name] = value
    return made


def sequence(dataset: Dataset, tag: Any, used: Charset, declared: Declared, depth: int) -> list[Tree] | None:
    """The items; one may name a character set of its own."""
    found = []
    for one in dataset[tag].value:
        own = terms(one)
        inner = charset(own, declared.undeclared, declared.corrected) if own else used
        found.append(elements(one, inner, declared, depth + 1))
    return found or None


def terms(dataset: Dataset) -> list[str]:
    if CHARSET not in dataset:
        return []
    raw = dataset.get_item(CHARSET).value
    if isinstance(raw, bytes):
        return raw.decode("ascii", "replace").strip("\0 ").split("\\")
    return [raw] if isinstance(raw, str) else [str(one) for one in raw or ()]


def element(item: Any, vr: str, used: Charset) -> Any:
    """The value of one element; None for a blank and for bytes."""
    raw = item.value
    if vr in BINARY:
        return binary(item)
    if vr not in WORDED | PLAIN | DIGITS or raw is None:
        return None
    if not isinstance(raw, bytes):  # the library has already read it, as it does with the character set
        raw = "\\".join(map(str, [raw] if isinstance(raw, str) else raw)).encode()
    text = decoded(raw, used) if vr in WORDED else raw.decode("ascii", "replace")
    parts = [text] if vr in ONE_VALUE else text.split("\\")
    shown = [one_value(part.strip("\0 "), vr) for part in parts]
    kept = [one for one in shown if one is not None]
    return (kept[0] if len(kept) == 1 else kept) if kept else None


def one_value(text: str, vr: str) -> Any:
    if not text:
        return None
    if vr == "PN":
        return person_name(text)
    if vr in DIGITS:
        return number(text)
    return text


def number(text: str) -> Any:
    """A number with its digits; what is none stays text."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        return text
    if not found.is_finite():
        return text
    return int(found) if re.fullmatch(r"[+-]?\d+", text) else found


def binary(item: Any) -> Any:
    from pydicom.dataelem import DataElement, convert_raw_data_element

    value = item.value if isinstance(item, DataElement) else convert_raw_data_element(item).value
    several = list(value) if isinstance(value, Sequence) and not isinstance(value, (str, bytes)) else [value]
    kept = [Decimal(str(one)) if isinstance(one, float) else one for one in several if isinstance(one, (int, float))]
    return (kept[0] if len(kept) == 1 else kept) if kept else None


def person_name(text: str) -> Tree | None:
    """The groups of a PN; ``text`` is the ideographic one where there is one, else the alphabetic one."""
    made: Tree = {}
    for name, group in zip(NAME_GROUPS, text.split("="), strict=False):
        if shown := written(group):
            made[name] = shown
    if not made:
        return None
    return {"text": made.get("ideographic") or made.get("alphabetic") or made["phonetic"]} | made


def written(group: str) -> str:
    """Family and given name as they are written: Chinese without a blank between, others with one."""
    parts = [part.strip() for part in group.split("^") if part.strip()]
    return ("" if parts and ASIAN.search(parts[0]) else " ").join(parts)


def moment(day: str, clock: Any, zone: Any) -> str:
    """DA and TM as one text that the function date_time reads; a clock without minutes counts as minute 0."""
    digits = day.replace(".", "")
    if isinstance(clock, str) and (shown := clock.replace(":", "")):
        whole, dot, fraction = shown.partition(".")
        digits += whole.ljust(4, "0") + dot + fraction
        digits += str(zone) if isinstance(zone, str) and re.fullmatch(r"[+-]\d{4}", zone) else ""
    return digits
