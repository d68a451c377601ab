"""Strategies for searches over every parameter type, prefix, modifier, chain, ``_has``, include and sort."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from countyfhir.model.definitions import SearchParameter, definitions
from countyfhir.search.conditions import modifiers_of

from . import drawing as st
from .drawn_resources import (
    BASE,
    CANONICALS,
    CODES,
    DATES,
    IDENTIFIERS,
    IDS,
    MOMENTS,
    NAMES,
    NUMBERS,
    SYSTEMS,
    TEXTS,
    UNITS,
    URIS,
)
from .drawn_specials import special_conditions
from .matching import component_types

PREFIXES = ("", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
SEARCHED = tuple(IDS)
WEIGHED = ("Patient", "Observation", "Observation")
LEFT_OUT = frozenset({"_text", "_content", "_list", "_query", "_filter", "near"})
MODIFIERS = {
    "token": ("", "", "", "not", "text", "missing"),
    "string": ("", "", "contains", "exact", "missing"),
    "date": ("", "", "", "missing"),
    "number": ("", "", "missing"),
    "quantity": ("", "", "", "missing"),
    "uri": ("", "below", "above", "missing"),
    "reference": ("", "", "", "identifier", "Patient", "missing"),
    "canonical": ("", "", "below", "missing"),
    "composite": ("", "", "", "missing"),
}
BY_CANONICAL = frozenset({"questionnaire"})
"""Reference parameters of canonicals."""


def escaped(text: str) -> str:
    for letter in "\\,|$":
        text = text.replace(letter, "\\" + letter)
    return text


def table(kind: str) -> dict[str, SearchParameter]:
    """The parameters of a type that are answered."""
    found = definitions().search_parameters[kind]
    return {code: each for code, each in found.items() if code not in LEFT_OUT and (each.expression or code == "_id")}


def codes_of(kind: str, *types: str) -> list[str]:
    return sorted(
        code for code, each in table(kind).items() if each.type in types and code not in ("_id", "_lastUpdated")
    )


def _token(draw: st.DrawFn) -> str:
    if draw(st.integers(0, 2)) == 0:
        identifier = draw(st.sampled_from(IDENTIFIERS))
        system, code = identifier.get("system"), identifier.get("value")
    else:
        system, code = (
            draw(st.sampled_from(SYSTEMS)),
            draw(st.sampled_from((*CODES, "male", "final", "true", "active"))),
        )
    form = draw(st.sampled_from(("code", "both", "system")))
    if form == "system" and system:
        return f"{escaped(system)}|"
    if code is None:
        return "8480-6"
    return escaped(code) if form == "code" else f"{escaped(system or '')}|{escaped(code)}"


def _string(draw: st.DrawFn) -> str:
    names = [part for name in NAMES for part in (name.get("text"), name.get("family"), *name.get("given", ())) if part]
    text = draw(
        st.sampled_from(
            (
                *TEXTS,
                *names,
                "ouyang",
                "oy",
                "ou yang m",
                "ZHANG",
                "zhang san",
                "zs",
                "欧阳明",
                "张 三",
                "shansan",
                "li",
                "al",
            )
        )
    )
    return escaped(text[: draw(st.sampled_from((1, 2, 40)))].strip() or text)


def _date(draw: st.DrawFn) -> str:
    extra = (
        "2024-02-29T10:00",
        "2024-02-29T10:00Z",
        "2024-02-29T18:00+08:00",
        "2024-02-29T10:00:00",
        "2024-12",
        "2025",
    )
    return draw(st.sampled_from(PREFIXES)) + draw(st.sampled_from((*MOMENTS, *DATES, *extra)))


def _number(draw: st.DrawFn) -> str:
    texts = tuple(str(each) for each in NUMBERS if "E+" not in str(each))
    return draw(st.sampled_from(PREFIXES)) + draw(
        st.sampled_from((*texts, "1e2", "1.0e2", "1E-8", "5", "54e-1", "0.005"))
    )


def _quantity(draw: st.DrawFn) -> str:
    unit = draw(st.sampled_from(UNITS))
    if draw(st.booleans()) or not unit:
        return _number(draw)
    code = unit.get("code") or unit["unit"]
    system = unit.get("system", "") if draw(st.integers(0, 3)) else ""
    return f"{_number(draw)}|{system}|{code}"


def _uri(draw: st.DrawFn) -> str:
    return escaped(draw(st.sampled_from((*URIS, "http://a.org", "http://a.org/f/ValueSet/1/_history/5", "urn:oid:1"))))


def _reference(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(SEARCHED))
    logical_id = draw(st.sampled_from((*IDS[kind], "gone")))
    local = f"{kind}/{logical_id}"
    forms = (logical_id, local, local, f"{BASE}/{local}", f"https://elsewhere.org/fhir/{local}")
    return draw(st.sampled_from((*forms, "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0")))


VALUES: dict[str, Callable[[st.DrawFn], str]] = {
    "token": _token,
    "string": _string,
    "date": _date,
    "number": _number,
    "quantity": _quantity,
    "uri": _uri,
    "reference": _reference,
}


def _value(draw: st.DrawFn, parameter: SearchParameter, modifier: str) -> str:
    if modifier == "missing":
        return draw(st.sampled_from(("true", "false")))
    if modifier == "text":
        return _string(draw)
    if modifier == "identifier":
        return _token(draw)
    if modifier == "Patient":
        return draw(st.sampled_from((*IDS["Patient"], "gone")))
    if parameter.code in BY_CANONICAL:
        return escaped(draw(st.sampled_from((*CANONICALS, "http://q.org/3", "http://q.org/1|1.1"))))
    if parameter.type == "composite":
        return "$".join(VALUES[component_types(url)](draw) for url, _ in parameter.components)
    return VALUES[parameter.type](draw)


@st.composite
def plain_conditions(draw: st.DrawFn, kind: str) -> tuple[str, str]:
    """``code:modifier=value,value`` on the type."""
    if draw(st.integers(0, 15)) == 0:
        return draw(st.sampled_from(("_id", "_id:not"))), draw(st.sampled_from(("p1,b1", "b2", "gone", "e1,v1,o1")))
    parameters = table(kind)
    search_type = draw(st.sampled_from(tuple(MODIFIERS)))
    codes = codes_of(kind, search_type) or codes_of(kind, "token")
    parameter = parameters[draw(st.sampled_from(codes))]
    offered = modifiers_of(parameter, kind, definitions())
    named = MODIFIERS["canonical" if parameter.code in BY_CANONICAL else parameter.type]
    modifier = draw(st.sampled_from([each for each in named if each in ("", "Patient") or each in offered]))
    if parameter.code == "identifier" and draw(st.integers(0, 4)) == 0:
        wanted = ("urn:t|MR|110105491231002", "urn:t|MR|11010519491231002X", "urn:t|X|a\\,b", "urn:t|MR|1")
        return "identifier:of-type", draw(st.sampled_from(wanted))
    most = 1 if modifier == "missing" or draw(st.booleans()) else 2
    values = [_value(draw, parameter, modifier) for _ in range(most)]
    return parameter.code + (modifier and f":{modifier}"), ",".join(values)


def leads(kind: str) -> list[tuple[str, str]]:
    """``(code, target)`` of the reference parameters whose targets are drawn here."""
    found = []
    for code in codes_of(kind, "reference"):
        parameter = table(kind)[code]
        narrowed = [each for each in SEARCHED if f"is {each})" in parameter.expression]
        found += [(code, each) for each in narrowed or parameter.targets if each in SEARCHED]
    return found


LEADS = {kind: leads(kind) for kind in SEARCHED}


def _operand(draw: st.DrawFn, search_type: str, code: str) -> str:
    """A value of a filter: no prefix, no escapes, and no bar that parts nothing."""
    while True:
        text = VALUES[search_type](draw)
        if search_type in ("date", "number", "quantity"):
            text = text.lstrip("".join({letter for prefix in PREFIXES for letter in prefix}))
        if "\\" not in text and (search_type == "string" or text.count("|") < 3):
            return text


@st.composite
def conditions(draw: st.DrawFn, kind: str, depth: int = 0) -> tuple[str, str]:
    """A plain condition, one in a language of its own, a chain, or a ``_has``, which may go on."""
    form = draw(st.integers(0, 9))
    if form in (4, 5):
        special = draw(special_conditions(kind, LEADS[kind], _operand))
        if special is not None:
            return special
    if depth < 3 and form in (0, 1) and LEADS[kind]:
        code, target = draw(st.sampled_from(LEADS[kind]))
        name, text = draw(conditions(target, depth + 1))
        return f"{code}:{target}.{name}", text
    sources = [(source, code) for source in SEARCHED for code, target in LEADS[source] if target == kind]
    if depth < 3 and form in (2, 3) and sources:
        source, code = draw(st.sampled_from(sources))
        name, text = draw(conditions(source, depth + 1))
        return f"_has:{source}:{code}:{name}", text
    return draw(plain_conditions(kind))


@st.composite
def sorts(draw: st.DrawFn, kind: str) -> str:
    """One to three keys of the type."""
    codes = codes_of(kind, "token", "string", "date", "number", "quantity", "uri", "reference")
    chosen = draw(st.lists(st.sampled_from((*codes, "_id", "_lastUpdated")), min_size=1, max_size=3, unique=True))
    return ",".join(("-" if draw(st.booleans()) else "") + code for code in chosen)


@st.composite
def includes(draw: st.DrawFn, kind: str) -> tuple[str, str]:
    """An include that begins at the type, or one that goes on from what was included."""
    iterate = draw(st.sampled_from(("", "", ":iterate")))
    start = draw(st.sampled_from(SEARCHED)) if iterate else kind
    if draw(st.booleans()):
        code, target = draw(st.sampled_from(LEADS[start] or [("*", "")]))
        shape = draw(
            st.sampled_from((f"{start}:{code}", f"{start}:{code}:{target}" if target else "*", f"{start}:*", "*"))
        )
        return f"_include{iterate}", shape
    sources = [(source, code) for source in SEARCHED for code, target in LEADS[source] if target == start]
    if not sources:
        return "_include", "*"
    source, code = draw(st.sampled_from(sources))
    return f"_revinclude{iterate}", draw(st.sampled_from((f"{source}:{code}", f"{source}:{code}:{start}")))


GRANTED = {
    "Patient": ("gender=male", "organization=Organization/o1", "identifier:missing=false"),
    "Observation": ("status=final", "category=urn:s|A", "code:in=urn:vs:left"),
    "Encounter": ("status:not=planned",),
    "Organization": ("_id=o1,o2",),
}


@st.composite
def grants(draw: st.DrawFn) -> dict[str, str]:
    """What of some types the caller may see; of the others everything."""
    return {kind: draw(st.sampled_from(options)) for kind, options in GRANTED.items() if draw(st.booleans())}


@st.composite
def inside(draw: st.DrawFn) -> dict[str, Any]:
    """A search of contained Patients, which answers them or what contains them."""
    mode = draw(st.sampled_from(("true", "both")))
    pairs = draw(st.lists(plain_conditions("Patient"), min_size=1, max_size=2))
    pairs += [("_contained", mode), ("_containedType", draw(st.sampled_from(("container", "contained"))))]
    return _asked("Patient", pairs, draw)


@st.composite
def on_several(draw: st.DrawFn) -> dict[str, Any]:
    """A search of several types by what they have in common."""
    types = tuple(sorted(set(draw(st.lists(st.sampled_from(SEARCHED), min_size=2, max_size=3)))))
    tables = [table(each) for each in types]
    shared = [
        code
        for code, each in tables[0].items()
        if all(code in other and other[code].type == each.type for other in tables)
        and each.type in VALUES
        and code not in ("_id", "_lastUpdated")
    ]
    pairs = [("_type", ",".join(types))]
    for code in draw(st.lists(st.sampled_from(shared), max_size=2, unique=True)):
        modifier = draw(st.sampled_from(("", "", "missing")))
        pairs.append((code + (modifier and f":{modifier}"), _value(draw, tables[0][code], modifier)))
    if draw(st.booleans()):
        pairs.append(draw(st.sampled_from((("_id", "p1,o1,b1"), ("_lastUpdated", "gt2020")))))
    if draw(st.booleans()):
        pairs.append(("_sort", draw(st.sampled_from(("_id", "-_id", "_lastUpdated", "-_lastUpdated,_id")))))
    return _asked(None, pairs, draw) | {"types": types}


def _asked(kind: str | None, pairs: list[tuple[str, str]], draw: st.DrawFn) -> dict[str, Any]:
    text = "&".join(f"{quote(name, safe=':._$-')}={quote(value, safe='')}" for name, value in pairs)
    count = draw(st.sampled_from((1, 2, 3, 100)))
    return {"kind": kind, "types": (kind,), "query": text, "count": count, "compartment": None, "grant": {}}


@st.composite
def queries(draw: st.DrawFn) -> dict[str, Any]:
    """A type, conditions, a sort, includes and a page size, as the text of a URL; or one of the rarer forms."""
    form = draw(st.integers(0, 29))
    if form in (0, 1):
        return draw(inside() if form else on_several())
    kind = draw(st.sampled_from((*SEARCHED, *WEIGHED)))
    pairs = draw(st.lists(conditions(kind), max_size=3))
    if draw(st.booleans()):
        pairs.append(("_sort", draw(sorts(kind))))
    if draw(st.integers(0, 4)) == 0:
        pairs += draw(st.lists(includes(kind), min_size=1, max_size=2))
    compartment = None
    if draw(st.integers(0, 9)) == 0:
        compartment = draw(st.sampled_from((("Patient", "p1"), ("Practitioner", "d1"), ("Encounter", "e1"))))
        if kind not in {name for name, codes in definitions().compartments[compartment[0]].items() if codes}:
            compartment = None
    walks = any(name.endswith((":below", ":above")) for name, _ in pairs)
    grant = draw(grants()) if not walks and draw(st.integers(0, 4)) == 0 else {}
    return _asked(kind, pairs, draw) | {"compartment": compartment, "grant": grant}
