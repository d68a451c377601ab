"""Full text of resources as words that stores can index: folded words, and pairs of characters for scripts without
spaces (R4 section 3.1.1.4.3, ``_text`` and ``_content``).

``肺炎 after flu`` is kept as ``肺炎 炎 after flu``: of a run of Chinese, every pair of neighbours and the last
character. So a word of two characters is one look-up, a longer one is a phrase of pairs, and a single character is
the beginning of a pair.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from countyfhir.search.entries import FULL_TEXT, Entry
from countyfhir.search.normalise import normalise

CONTENT, NARRATIVE = "_content", "_text"
BEGINNING = "*"
"""Ends a phrase whose last word may go on."""

_PAIRED = (
    "\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
"""Han, kana, bopomofo and hangul."""
_WORD = re.compile(rf"[{_PAIRED}]+|[^\W_{_PAIRED}]+")
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_FIRST_PAIRED = "\u3005"
_is_paired = re.compile(f"[{_PAIRED}]").match

_INLINE = "a|abbr|b|bdo|big|cite|code|dfn|em|font|i|q|s|small|span|strong|sub|sup|tt|u|var"
_ATTRIBUTES = r"""(?:\s[^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*)?"""
_WITHIN_A_LINE = re.compile(rf"</?(?:{_INLINE}){_ATTRIBUTES}/?>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_BETWEEN = re.compile(rf"</?[a-z][a-z0-9]*{_ATTRIBUTES}/?>", re.IGNORECASE)

_UNREAD = frozenset(
    ("data", "id", "meta", "reference", "resourceType", "system", "url", "uri", "implicitRules", "fullUrl", "linkId")
)
"""Elements whose text is no language: identities, addresses and encoded bytes."""


def entries(resource: Mapping[str, Any]) -> tuple[Entry, ...]:
    """The one entry of a resource: the words of its narrative, and those of everything else."""
    narratives: list[str] = []
    texts: list[str] = []
    _gather(resource, narratives, texts)
    narrative = words(" ".join(map(plain, narratives))) if narratives else ()
    return ((FULL_TEXT, CONTENT, 0, " ".join(narrative), " ".join(words("\n".join(texts)))),)


def _gather(element: Mapping[str, Any], narratives: list[str], texts: list[str]) -> None:
    for name, value in element.items():
        if name in _UNREAD:
            continue
        if type(value) is str:
            _keep(name, value, narratives, texts)
        elif type(value) is dict:
            _gather(value, narratives, texts)
        elif type(value) is list:
            for each in value:
                if type(each) is dict:
                    _gather(each, narratives, texts)
                elif type(each) is str:
                    _keep(name, each, narratives, texts)


def _keep(name: str, text: str, narratives: list[str], texts: list[str]) -> None:
    if name == "div":
        narratives.append(text)
    elif not text[4:5] == "-" == text[7:8]:  # a date
        texts.append(text)


def plain(markup: str) -> str:
    """The text of an XHTML narrative; tags inside a line do not part a word."""
    return html.unescape(_BETWEEN.sub(" ", _WITHIN_A_LINE.sub("", markup)))


def words(text: str) -> list[str]:
    """The words of ``text`` in order, as they are kept."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    found: list[str] = _WORD.findall(normalise(text))
    kept: list[str] = []
    for run in found:
        if run[0] >= _FIRST_PAIRED and _is_paired(run):
            kept += map(str.__add__, run, run[1:])
            kept.append(run[-1])
        else:
            kept.append(run)
    return kept


def phrase(text: str, *, beginning: bool = False) -> str:
    """The words of a phrase as they follow one another where it stands, ``BEGINNING`` last when the last one may go
    on; "" when there is none."""
    found = words(text)
    if not found:
        return ""
    if not _is_paired(found[-1]):
        return " ".join(found) + (BEGINNING if beginning else "")
    if len(found) > 1 and len(found[-2]) == 2 and _is_paired(found[-2]) and found[-2][1] == found[-1]:
        return " ".join(found[:-1])
    return " ".join(found) + BEGINNING


def occurs(wanted: str, kept: str) -> bool:
    """Whether a ``phrase`` occurs in the words of an entry."""
    sought = wanted[:-1] if wanted.endswith(BEGINNING) else wanted + " "
    return f" {sought}" in f" {kept} "
