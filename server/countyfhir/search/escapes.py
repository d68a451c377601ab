r"""Separators of search values and their escapes ``\,`` ``\|`` ``\$`` ``\\`` (R4 section 3.1.1.4.1)."""

from __future__ import annotations

import re

_ESCAPED = re.compile(r"\\([,|$\\])")


def split(text: str, separator: str) -> list[str]:
    """``text`` at every ``separator`` (one of ``,`` ``|`` ``$``) that is not escaped; the parts are still escaped."""
    if separator not in text:
        return [text]
    if "\\" not in text:
        return text.split(separator)
    parts, start, place = [], 0, 0
    while place < len(text):
        if text[place] == "\\":
            place += 1
        elif text[place] == separator:
            parts.append(text[start:place])
            start = place + 1
        place += 1
    return [*parts, text[start:]]


def unescape(text: str) -> str:
    r"""``text`` as it was meant; a backslash before anything but ``, | $ \`` stands for itself."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def escape(text: str) -> str:
    """``text`` so that ``split`` leaves it whole and ``unescape`` gives it back."""
    return re.sub(r"([,|$\\])", r"\\\1", text)


def ascii_lower(text: str) -> str:
    """``text`` with small ASCII letters; others stay, so that every store folds alike."""
    return text.translate(_SMALL)


_SMALL = {capital: capital + 32 for capital in range(ord("A"), ord("Z") + 1)}
