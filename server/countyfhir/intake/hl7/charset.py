"""The character set of a message (HL7 v2.5.1 section 2.16.9.18, table 0211; GB 18030)."""

from __future__ import annotations

from collections.abc import Mapping

CODECS: Mapping[str, str] = {
    "ASCII": "ascii",
    "8859/1": "latin-1",
    "8859/15": "iso-8859-15",
    "GB 18030-2000": "gb18030",
    "GB18030": "gb18030",
    "GB18030-2000": "gb18030",
    "GB2312": "gb18030",
    "GB 2312-80": "gb18030",
    "GBK": "gb18030",
    "BIG-5": "big5",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "UNICODE UTF-16": "utf-16",
    "UNICODE UTF-32": "utf-32",
}
"""Table 0211 and the spellings met in the field -> codec. UNICODE alone means UTF-8 on the wire."""
CHARSET_FIELD = 17
"""MSH-18, counted from the segment name (MSH-1 is the separator itself)."""


def charset_of(raw: bytes, field: str, repetition: str, default: str) -> str:
    """The codec of a message: what its MSH-18 names first, else ``default``. Raises LookupError for an unknown name.

    Without MSH-18 a message whose bytes are sound UTF-8 beyond ASCII, while the default is another, is not guessed:
    UnicodeDecodeError."""
    head = raw.split(b"\r", 1)[0].split(b"\n", 1)[0].split(field.encode("latin-1"))
    declared = head[CHARSET_FIELD].strip().decode("latin-1") if len(head) > CHARSET_FIELD else ""
    first = declared.split(repetition)[0].split("^")[0].strip().upper()
    if first:
        if first not in CODECS:
            raise LookupError(f"MSH-18 names the character set '{first}', which is not known here")
        return CODECS[first]
    if default != "utf-8" and is_sound_utf8(raw):
        raise UnicodeDecodeError(default, raw, 0, 1, "the text is UTF-8, but nothing says so (MSH-18)")
    return default


def is_sound_utf8(raw: bytes) -> bool:
    """Whether the bytes are UTF-8 with characters beyond ASCII (GB 18030 text practically never is)."""
    try:
        return not raw.decode("utf-8").isascii()
    except UnicodeDecodeError:
        return False
