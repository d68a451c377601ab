"""Strategies for what is asked in a language of its own; each expression is remembered as a tree under its text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from countyfhir.model.definitions import definitions

from . import drawing as st
from .drawn_resources import IDS
from .specials import BELOW, EXPRESSIONS, FUNCTIONAL, MEMBERS, TREE, Tree

WORDS = {
    "kidney": r"(?<![a-z0-9])kidney(?![a-z0-9])",
    "KIDNEY*": r"(?<![a-z0-9])kidney",
    "stone": r"(?<![a-z0-9])stone(?![a-z0-9])",
    '"kidney stone"': r"(?<![a-z0-9])kidney stone(?![a-z0-9])",
    "stone-age": r"(?<![a-z0-9])stone age(?![a-z0-9])",
    "急性肾炎": "急性肾炎",
    "肾炎": "肾炎",
    "性肾": "性肾",
    "炎": "炎",
    "症": "症",
}
"""Words as they are written, and what they find in folded text."""
POINTS = ("36.07|120.38", "36.1|120.4", "0|179.99", "89.99|10", "-36|120")
DISTANCES = ("1|km", "5|km", "5000|m", "100|km", "20000|km")
CODED = ("code", "type", "class", "category", "value-concept", "component-code", "_tag")
HIERARCHIES = {"Organization": ("Patient:organization", "Encounter:service-provider", "Organization:partof")}
HIERARCHIES |= {"Encounter": ("Encounter:part-of", "Condition:encounter"), "Location": ("Location:partof",)}


@st.composite
def trees(draw: st.DrawFn, leaf: st.Strategy[tuple[str, Tree]], negation: str, depth: int = 0) -> tuple[str, Tree]:
    """An expression, printed and as a tree."""
    form = draw(st.integers(0, 5)) if depth < 3 else 0
    if form in (1, 2):
        word = ("and", "or")[form - 1]
        parts = [draw(trees(leaf, negation, depth + 1)) for _ in range(2)]
        return f"({parts[0][0]} {word} {parts[1][0]})", (word, [tree for _, tree in parts])
    if form == 3:
        text, tree = draw(trees(leaf, negation, depth + 1))
        return negation.format(text), ("not", tree)
    return draw(leaf)


def remembered(printed: tuple[str, Tree]) -> str:
    text, tree = printed
    EXPRESSIONS[text] = tree
    return text


_words: st.Strategy[tuple[str, Tree]] = st.builds(
    lambda word: (word, ("word", WORDS[word])), st.sampled_from(tuple(WORDS))
)


@st.composite
def special_conditions(
    draw: st.DrawFn, kind: str, leads: list[tuple[str, str]], value: Callable[[st.DrawFn, str, str], str]
) -> tuple[str, str] | None:
    """A condition on the type, or None where the form that was drawn does not fit it."""
    form = draw(st.sampled_from(("words", "list", "near", "coded", "code-text", "within", "filter", "updated")))
    if form == "words":
        return draw(st.sampled_from(("_text", "_content"))), remembered(draw(trees(_words, "not ({})")))
    if form == "list":
        functional = [name for name, held in FUNCTIONAL.items() if kind in held]
        return "_list", draw(st.sampled_from(("l1", "l2", "l1,l2", "gone", *functional, *functional)))
    if form == "near":
        return (
            ("near", f"{draw(st.sampled_from(POINTS))}|{draw(st.sampled_from(DISTANCES))}")
            if kind == "Location"
            else None
        )
    if form == "updated":
        return "_lastUpdated", draw(
            st.sampled_from(("gt2020", "lt2020", "ge2026-01-01T00:00:00Z", "2019", "ne2019", "ap2020"))
        )
    if form == "filter":
        return "_filter", remembered(draw(trees(comparisons(kind, leads, value), "not ({})")))
    return _modified(draw, kind, form)


def _modified(draw: st.DrawFn, kind: str, form: str) -> tuple[str, str] | None:
    table = definitions().search_parameters[kind]
    if form == "within":
        wholes = [
            (whole, each.partition(":")[2])
            for whole in HIERARCHIES
            for each in HIERARCHIES[whole]
            if each.startswith(kind + ":")
        ]
        if not wholes:
            return None
        whole, code = draw(st.sampled_from(wholes))
        asked = draw(st.sampled_from((*IDS[whole], "gone")))
        return f"{code}:{draw(st.sampled_from(('below', 'above')))}", f"{whole}/{asked}"
    codes = [code for code in CODED if code in table and not (kind == "ChargeItem" and code == "code")]
    if not codes:
        return None
    code = draw(st.sampled_from(codes))
    if form == "code-text":
        return f"{code}:code-text", draw(st.sampled_from(("a", "A", "8480", "Le", "x", "RIGHT")))
    modifier = draw(st.sampled_from(("in", "not-in", "below", "above")))
    wanted = tuple(MEMBERS) if modifier in ("in", "not-in") else tuple(f"{TREE}|{each}" for each in BELOW)
    return f"{code}:{modifier}", draw(st.sampled_from(wanted))


_OPERATORS = {
    "string": ("eq", "ne", "co", "sw", "ew", "pr"),
    "token": ("eq", "ne", "pr"),
    "uri": ("eq", "ne", "pr"),
    "reference": ("eq", "ne", "re", "pr"),
    "number": ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "pr"),
    "quantity": ("eq", "gt", "le", "pr"),
    "date": ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "po", "pr"),
}


@st.composite
def comparisons(
    draw: st.DrawFn,
    kind: str,
    leads: list[tuple[str, str]],
    value: Callable[[st.DrawFn, str, str], str],
    depth: int = 0,
) -> tuple[str, Tree]:
    """``path operator value``; the path may go on behind a reference, narrowed on the way."""
    if depth == 0 and leads and draw(st.integers(0, 3)) == 0:
        code, target = draw(st.sampled_from(leads))
        inner, tree = draw(comparisons(target, [], value, 1))
        if draw(st.booleans()):
            narrowed, where = draw(comparisons(target, [], value, 1))
            return f"{code}:{target}[{narrowed}].{inner}", ("follow", code, target, ("and", [where, tree]))
        return f"{code}:{target}.{inner}", ("follow", code, target, tree)
    table = definitions().search_parameters[kind]
    codes = sorted(
        code
        for code, each in table.items()
        if each.type in _OPERATORS and each.expression and code not in ("_id", "_lastUpdated", "_query")
    )
    code = draw(st.sampled_from(codes))
    search_type = table[code].type
    operator = draw(st.sampled_from(_OPERATORS[search_type]))
    text = draw(st.sampled_from(("true", "false"))) if operator == "pr" else value(draw, search_type, code)
    printed = text if re.fullmatch(r'[^\s()\[\]"]+', text) and draw(st.booleans()) else json.dumps(text)
    return f"{code} {operator} {printed}", ("compare", code, operator, text)
