"""Names as they are asked for, brought to how the index spells them: `wang li`, `ji'an`, `王 丽` in one word."""

from __future__ import annotations

import re

from countyfhir.search.pinyin import is_chinese

_BETWEEN = re.compile(r"[ \-·・‧•]+|'(?=[aeo])")
"""In pinyin an apostrophe stands only before a, e and o (GB/T 16159, 隔音符号): `xi'an`, not `o'neill`."""
_SYLLABLES = re.compile(
    r"(?:(?:[zcs]h|[bpmfdtnlgkhjqxrzcsyw])?"
    r"(?:iang|iong|uang|ueng|ang|eng|ong|iao|ian|ing|uai|uan|ai|ei|ao|ou|an|en|er|ia|ie|iu|in|ua|uo|ui|un|ue|ve"
    r"|a|o|e|i|u|v))+"
)


def in_one_word(text: str) -> str | None:
    """What is asked for (normalised) without what stands between its words; None where nothing does, or the words are
    neither Chinese nor pinyin (of the last one the beginning is enough)."""
    first, *others = words = [word for word in _BETWEEN.split(text) if word]
    if not others:
        return None
    whole = "".join(words)
    if is_chinese(whole):
        return whole
    if whole.isascii() and whole.isalpha() and all(map(_SYLLABLES.fullmatch, (first, *others[:-1]))):
        return whole
    return None
