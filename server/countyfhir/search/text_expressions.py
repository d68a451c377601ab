"""What ``_text`` and ``_content`` ask: words, "phrases", and, or, not, parentheses (R4 section 3.1.1.4.3).

Words side by side must all occur; ``and`` may stand between them, ``or`` or ``|`` between alternatives, ``not`` or a
``-`` before what must not occur; ``diab*`` is the beginning of a word. ``and`` binds more than ``or``.
"""

from __future__ import annotations

import re

from countyfhir.search.full_text import phrase
from countyfhir.search.query import AllOf, Clause, FullText, Not
from countyfhir.search.refusals import malformed

MOST_WORDS = 100
_LEXEME = re.compile(r'\s*(?:(?P<sign>[()|&]|-(?=\S))|"(?P<phrase>[^"]*)"|(?P<word>[^\s()|&"]+))')
_JOINING = {"and": "and", "&": "and", "or": "or", "|": "or"}

Lexeme = tuple[str, str]
"""(kind, text): kind is and, or, not, (, ), or what occurs: phrase or word."""


def clause(parameter: str, text: str) -> Clause:
    """The alternatives of an expression; FhirError 400 when it is malformed or has too many words."""
    lexemes = _lexemes(parameter, text)
    found, end = _alternatives(parameter, lexemes, 0)
    if end < len(lexemes):
        raise malformed(parameter, "a closing parenthesis has no opening one")
    return found


def _lexemes(parameter: str, text: str) -> list[Lexeme]:
    found: list[Lexeme] = []
    place, end = 0, len(text.rstrip())
    while place < end:
        lexeme = _LEXEME.match(text, place)
        if lexeme is None:
            raise malformed(parameter, "a quotation mark is not closed")
        found.append(_lexeme(lexeme))
        place = lexeme.end()
    if len(found) > MOST_WORDS:
        raise malformed(parameter, f"it has more than {MOST_WORDS} words and signs")
    return found


def _lexeme(lexeme: re.Match[str]) -> Lexeme:
    if lexeme["phrase"] is not None:
        return "phrase", lexeme["phrase"]
    text = lexeme["sign"] or lexeme["word"]
    folded = text.lower()
    if folded in _JOINING:
        return _JOINING[folded], text
    if folded in ("not", "-"):
        return "not", text
    return (text, text) if text in "()" else ("word", text)


def _alternatives(parameter: str, lexemes: list[Lexeme], place: int) -> tuple[Clause, int]:
    found, place = _conjunction(parameter, lexemes, place)
    while place < len(lexemes) and lexemes[place][0] == "or":
        more, place = _conjunction(parameter, lexemes, place + 1)
        found += more
    return found, place


def _conjunction(parameter: str, lexemes: list[Lexeme], place: int) -> tuple[Clause, int]:
    clauses: list[Clause] = []
    while True:
        found, place = _operand(parameter, lexemes, place)
        clauses.append(found)
        if place == len(lexemes) or lexemes[place][0] in ("or", ")"):
            return _all(parameter, clauses), place
        if lexemes[place][0] == "and":
            place += 1


def _all(parameter: str, clauses: list[Clause]) -> Clause:
    """Words that must all occur become one predicate, so that an index of words can intersect them."""
    together: list[str] = []
    others: list[Clause] = []
    for each in clauses:
        only = each[0] if len(each) == 1 else None
        if isinstance(only, FullText):
            together += only.phrases
        else:
            others.append(each)
    if together:
        others.insert(0, (FullText(parameter, tuple(dict.fromkeys(together))),))
    return others[0] if len(others) == 1 else (AllOf(tuple(others)),)


def _operand(parameter: str, lexemes: list[Lexeme], place: int) -> tuple[Clause, int]:
    kind, text = lexemes[place] if place < len(lexemes) else ("end", "")
    if kind == "not":
        inner, place = _operand(parameter, lexemes, place + 1)
        return (Not(inner),), place
    if kind == "(":
        inner, place = _alternatives(parameter, lexemes, place + 1)
        if place == len(lexemes):
            raise malformed(parameter, "a parenthesis is not closed")
        return inner, place + 1
    if kind not in ("phrase", "word"):
        raise malformed(parameter, "a word, a phrase in quotes or an expression in parentheses is expected")
    wanted = phrase(text, beginning=kind == "word" and text.endswith("*"))
    if not wanted:
        raise malformed(parameter, "it holds no letter or digit to look for")
    return (FullText(parameter, (wanted,)),), place + 1
