"""The character set of a message (HL7 v2.5.1 section 2.16.9.18, table 0211; GB 18030)."""

from __future__ import annotations

import re
from collections.abc import Mapping

CODECS: Mapping[str, str] = {
    "ASCII": "ascii",
    "USASCII": "ascii",
    "ISOIR6": "ascii",
    **{f"8859{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    **{f"ISO8859{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    **dict.fromkeys(("GB18030", "GB180302000", "GB180302005", "GB180302022"), "gb18030"),
    **dict.fromkeys(("GB2312", "GB231280", "GB23121980", "EUCCN", "GBK", "GB13000", "ISOIR58"), "gb18030"),
    **dict.fromkeys(("CP936", "MS936", "WINDOWS936", "936"), "gb18030"),
    **dict.fromkeys(("BIG5", "CP950"), "big5"),
    **dict.fromkeys(("UNICODE", "UNICODEUTF8", "UTF8", "ISO10646"), "utf-8"),
    **dict.fromkeys(("UNICODEUTF16", "UTF16"), "utf-16"),
    **dict.fromkeys(("UNICODEUTF32", "UTF32"), "utf-32"),
}
"""Table 0211 and the spellings met in the field, letters and digits alone -> codec. UNICODE alone means UTF-8 on the
wire."""
SIGNS = re.compile(r"[^A-Z0-9]")
CHARSET_FIELD = 17
"""MSH-18, counted from the segment name (MSH-1 is the separator itself)."""


def charset_of(raw: bytes, field: str, repetition: str, default: str) -> str:
    """The codec of a message: what its MSH-18 names first, else ``default``. Raises LookupError for an unknown name.

    Without MSH-18 a message whose bytes are sound UTF-8 beyond ASCII, while the default is another, is not guessed:
    UnicodeDecodeError."""
    head = raw.split(b"\r", 1)[0].split(b"\n", 1)[0].split(field.encode("latin-1"))
    declared = head[CHARSET_FIELD].strip().decode("latin-1") if len(head) > CHARSET_FIELD else ""
    named = name_of(declared, repetition)
    if named:
        if named not in CODECS:
            raise LookupError(f"MSH-18 names the character set '{named}', which is not known here")
        return CODECS[named]
    if default != "utf-8" and is_sound_utf8(raw):
        raise UnicodeDecodeError(default, raw, 0, 1, "the text is UTF-8, but nothing says so (MSH-18)")
    return default


def name_of(declared: str, repetition: str) -> str:
    """The first character set that MSH-18 names, in one spelling (``GB 18030-2000`` is GB180302000); nothing where it
    names none."""
    names = (SIGNS.sub("", one.split("^")[0].upper()) for one in declared.split(repetition))
    return next((one for one in names if one), "")


def is_sound_utf8(raw: bytes) -> bool:
    """Whether the bytes are UTF-8 with characters beyond ASCII (GB 18030 text practically never is)."""
    try:
        return not raw.decode("utf-8").isascii()
    except UnicodeDecodeError:
        return False
