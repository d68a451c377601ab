"""Text of DICOM elements by SpecificCharacterSet (DICOM PS3.3 C.12.1.1.2, PS3.5 section 6.1 and annexes J, K)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ASCII = "ascii"
CODECS: Mapping[str, str] = {
    "": ASCII,
    "ISO_IR 6": ASCII,
    "ISO 2022 IR 6": ASCII,
    "ISO_IR 100": "latin-1",
    "ISO 2022 IR 100": "latin-1",
    "ISO_IR 101": "iso8859-2",
    "ISO 2022 IR 101": "iso8859-2",
    "ISO_IR 109": "iso8859-3",
    "ISO_IR 110": "iso8859-4",
    "ISO_IR 144": "iso8859-5",
    "ISO 2022 IR 144": "iso8859-5",
    "ISO_IR 127": "iso8859-6",
    "ISO_IR 126": "iso8859-7",
    "ISO_IR 138": "iso8859-8",
    "ISO_IR 148": "iso8859-9",
    "ISO_IR 166": "tis-620",
    "ISO_IR 13": "shift_jis",
    "ISO 2022 IR 13": "shift_jis",
    "ISO 2022 IR 87": "iso2022_jp",
    "ISO 2022 IR 159": "iso2022_jp_2",
    "ISO 2022 IR 149": "euc_kr",
    "ISO 2022 IR 58": "gb18030",
    "ISO 2022 58": "gb18030",
    "ISO_IR 58": "gb18030",
    "ISO_IR 192": "utf-8",
    "GB18030": "gb18030",
    "GBK": "gb18030",
    "ISO 2022 GBK": "gb18030",
}
"""Defined terms, and the spellings met in the field -> codec. GB 18030 reads every GB 2312 text (IR 58), and the rarer
characters that machines write under that name."""
ESCAPES: Mapping[bytes, str] = {
    b"(B": ASCII,
    b"-A": "latin-1",
    b"-B": "iso8859-2",
    b"-L": "iso8859-5",
    b"$)A": "gb18030",
    b"$)C": "euc_kr",
    b"(J": "shift_jis",
    b")I": "shift_jis",
    b"$B": "iso2022_jp",
    b"$(D": "iso2022_jp_2",
}
"""Escape sequences of ISO 2022 -> codec of what follows."""
KEEP_ESCAPE = ("iso2022_jp", "iso2022_jp_2")
ESCAPE = re.compile(rb"\x1b(\$\)A|\$\)C|\$\(D|\$B|\(B|\(J|\)I|-[A-Z])")
SINGLE_BYTE = ("latin-1", "iso8859-2", "iso8859-3", "iso8859-4", "iso8859-9")


class UnknownCharset(ValueError):
    """The text of an element is not in the character set that is declared for it."""


@dataclass(frozen=True, slots=True)
class Charset:
    """``first`` is the set a value begins in, ``others`` those that escape sequences may switch to; ``declared``: the
    object names it itself."""

    first: str
    others: tuple[str, ...] = ()
    declared: bool = True


def charset(terms: Sequence[str] | None, undeclared: str, corrected: Mapping[str, str]) -> Charset:
    """The character set of an object. ``undeclared`` is the codec that the mapping declares for objects that name none,
    ``corrected`` what it says about sets that are named wrongly. UnknownCharset for a term that nobody knows."""
    if not terms or not any(term.strip() for term in terms):
        return Charset(undeclared, (), declared=False)
    codecs = [codec_of(term.strip(), corrected) for term in terms]
    return Charset(codecs[0], tuple(codecs[1:]))


def codec_of(term: str, corrected: Mapping[str, str]) -> str:
    found = corrected.get(term) or CODECS.get(term.upper())
    if found is None:
        raise UnknownCharset(f"SpecificCharacterSet names '{term[:20]}', which is not known here")
    return found


def decoded(raw: bytes, used: Charset) -> str:
    """The text; UnknownCharset when the bytes are not what is declared. Chinese text under a declaration of a Western
    set is not repaired by guess: the mapping has to say it (``charsets``)."""
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode(ASCII)
    try:
        if b"\x1b" in raw:
            return switched(raw, used)
        return plainly(raw, used)
    except UnicodeDecodeError as error:
        raise UnknownCharset("the bytes of a text are not in the declared character set") from error


def plainly(raw: bytes, used: Charset) -> str:
    """A value without escape sequences. Under ASCII with one further set, bytes beyond ASCII can only be of that."""
    codec = used.others[0] if used.first == ASCII and len(used.others) == 1 else used.first
    if codec in SINGLE_BYTE and looks_chinese(raw):
        raise UnknownCharset(
            "the text is declared as a Western set, but its bytes are Chinese; say so under 'charsets'"
        )
    if not used.declared and codec != "utf-8" and is_sound_utf8(raw):
        raise UnknownCharset("the text is UTF-8, but nothing says so")
    return raw.decode(codec)


def switched(raw: bytes, used: Charset) -> str:
    """A value with escape sequences; each piece is of the set that the escape before it names."""
    pieces = ESCAPE.split(raw)
    made = [plainly(pieces[0], used)] if pieces[0] else []
    for escape, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        codec = ESCAPES.get(escape, used.first)
        made.append((b"\x1b" + escape + piece if codec in KEEP_ESCAPE else piece).decode(codec))
    return "".join(made)


def looks_chinese(raw: bytes) -> bool:
    """Whether the bytes beyond ASCII are all pairs of GB 2312, or UTF-8."""
    try:
        raw.decode("gb2312")
    except UnicodeDecodeError:
        return is_sound_utf8(raw)
    return True


def is_sound_utf8(raw: bytes) -> bool:
    try:
        return not raw.decode("utf-8").isascii()
    except UnicodeDecodeError:
        return False
