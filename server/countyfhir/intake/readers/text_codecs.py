"""The encodings of text files: what a mapping may declare (GB 18030-2005 reads whatever is declared as GBK or GB 2312),
and which one a file has where nothing is declared."""

from __future__ import annotations

import codecs
from pathlib import Path

CODECS = {
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "utf-8": "utf-8",
    "utf-8-sig": "utf-8",
}
"""Declared name -> codec. UTF-8 and GB 18030 are read with or without a byte order mark."""
NAMES = {"utf-8": "UTF-8", "gb18030": "GB 18030"}
DETECT = "detect"
"""Stands for an encoding that is not declared: UTF-8 or GB 18030, whichever the file is."""
BYTE_ORDER_MARK = "\ufeff"
MARKS = tuple(BYTE_ORDER_MARK.encode(codec) for codec in ("utf-8", "gb18030"))
CHUNK = 1 << 20
FIRST_OF_THREE_BYTES = "\u0800"
"""Where the characters begin that UTF-8 writes in three bytes: all Chinese ones are."""


def named(encoding: str) -> str:
    """What a declared encoding is called in a message; either where none is declared."""
    return NAMES[CODECS[encoding]] if encoding in CODECS else " or ".join(NAMES.values())


def codec_of(encoding: str, path: Path) -> str:
    """The codec of a file that is declared as ``encoding``."""
    return detected(path) if encoding == DETECT else CODECS[encoding]


def detected(path: Path) -> str:
    """UTF-8 or GB 18030: by the byte order mark, else by the first lines beyond ASCII. That all of the file is what it
    seems to be is looked at when it is read."""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            if chunk.startswith(MARKS[1]):
                return "gb18030"
            if not chunk.isascii():
                return "utf-8" if reads_as_utf8(chunk + stream.readline()) else "gb18030"
    return "utf-8"


def reads_as_utf8(raw: bytes) -> bool:
    """Whether the bytes are UTF-8. Two bytes of GB 18030 may look like it ('一'), but Chinese text in UTF-8 has
    characters of three."""
    try:
        text = codecs.getincrementaldecoder("utf-8")("strict").decode(raw)
    except UnicodeDecodeError:
        return False
    if any(letter >= FIRST_OF_THREE_BYTES for letter in text):
        return True
    try:
        other = raw.decode("gb18030")
    except UnicodeDecodeError:
        return True
    return not any("\u4e00" <= letter <= "\u9fff" for letter in other)
