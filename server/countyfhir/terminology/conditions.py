"""compose.include.filter as conditions of SQL over the concepts of a code system (R4 section 4.9.5.1 and the value set
FilterOperator)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from countyfhir.outcome import FhirError
from countyfhir.terminology.code_systems import CodeSystem
from countyfhir.terminology.patterns import compiled

_BELOW = "SELECT descendant FROM closure WHERE ancestor=?"
_IS_BELOW = "EXISTS(SELECT 1 FROM closure WHERE ancestor=? AND descendant=c.id)"
_VALUES = "SELECT concept FROM property WHERE system=? AND code=?"
_HAS_VALUE = "EXISTS(SELECT 1 FROM property WHERE concept=c.id AND code=?"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on ``concept c`` with its bindings, in two forms: ``many`` to list what meets it, ``one`` to ask of
    a single concept."""

    many: str
    one: str
    many_bindings: tuple[Any, ...]
    one_bindings: tuple[Any, ...]


def same(sql: str, *bindings: Any) -> Condition:
    """A condition whose two forms are one."""
    return Condition(sql, sql, bindings, bindings)


def condition(system: CodeSystem, name: str, operator: str, value: str) -> Condition:
    """The condition of a filter. FhirError 422 for what this server cannot decide, and for a regular expression that
    cannot be used."""
    if name in ("concept", "code"):
        made = _OF_CODES.get(operator)
        if made is not None:
            return made(system, value)
    elif name in system.meanings.parents and operator == "=":
        return _child_of(system, value)
    elif name in system.meanings.children and operator == "=":
        number = _number(system, value)
        return same("c.id IN (SELECT parent FROM edge WHERE child=?)", number)
    elif name == "display" and operator in ("=", "regex"):
        return same("c.display=?", value) if operator == "=" else _fits("c.display", value)
    elif name in system.meanings.inactive and operator == "=":
        return same("(c.flags & 2) = ?", 2 if value == "true" else 0)
    elif name in system.meanings.abstract and operator == "=":
        return same("(c.flags & 1) = ?", 1 if value == "true" else 0)
    else:
        made_of_value = _OF_VALUES.get(operator)
        if made_of_value is not None:
            return made_of_value(system, name, value)
    raise FhirError(
        "not-supported",
        f"The filter '{name} {operator} {value}' on {system.url} cannot be decided by this server.",
        status=422,
    )


def _number(system: CodeSystem, code: str) -> int:
    found = system.concept(code)
    return found.number if found is not None else -1


def _is_a(system: CodeSystem, value: str) -> Condition:
    number = _number(system, value)
    bindings = (number, number)
    return Condition(f"(c.id=? OR c.id IN ({_BELOW}))", f"(c.id=? OR {_IS_BELOW})", bindings, bindings)


def _descendent_of(system: CodeSystem, value: str) -> Condition:
    number = (_number(system, value),)
    return Condition(f"c.id IN ({_BELOW})", _IS_BELOW, number, number)


def _is_not_a(system: CodeSystem, value: str) -> Condition:
    found = _is_a(system, value)
    return Condition(f"NOT {found.many}", f"NOT {found.one}", found.many_bindings, found.one_bindings)


def _child_of(system: CodeSystem, value: str) -> Condition:
    return same("c.id IN (SELECT child FROM edge WHERE parent=?)", _number(system, value))


def _leaf_below(system: CodeSystem, value: str) -> Condition:
    below = _descendent_of(system, value)
    leaf = "NOT EXISTS(SELECT 1 FROM edge WHERE parent=c.id)"
    return Condition(f"({below.many} AND {leaf})", f"({below.one} AND {leaf})", below.many_bindings, below.one_bindings)


def _generalizes(system: CodeSystem, value: str) -> Condition:
    number = _number(system, value)
    return same("(c.id=? OR c.id IN (SELECT ancestor FROM closure WHERE descendant=?))", number, number)


def _codes(system: CodeSystem, value: str) -> Condition:
    numbers = [_number(system, code.strip()) for code in value.split(",")]
    return same(f"c.id IN ({','.join('?' * len(numbers))})", *numbers)


def _not_codes(system: CodeSystem, value: str) -> Condition:
    found = _codes(system, value)
    return same(f"NOT {found.many}", *found.many_bindings)


def _fits(column: str, pattern: str) -> Condition:
    compiled(pattern)
    return same(f"fits(?, {column})", pattern)


def _exists_code(system: CodeSystem, value: str) -> Condition:
    return same("1" if value == "true" else "0")


_OF_CODES: Mapping[str, Callable[[CodeSystem, str], Condition]] = {
    "is-a": _is_a,
    "descendent-of": _descendent_of,
    "is-not-a": _is_not_a,
    "child-of": _child_of,
    "descendent-leaf": _leaf_below,
    "generalizes": _generalizes,
    "in": _codes,
    "=": _codes,
    "not-in": _not_codes,
    "exists": _exists_code,
    "regex": lambda _, value: _fits("c.code", value),
}


def _valued(test: str, system: CodeSystem, name: str, values: tuple[str, ...]) -> Condition:
    return Condition(
        f"c.id IN ({_VALUES} AND {test})", f"{_HAS_VALUE} AND {test})", (system.number, name, *values), (name, *values)
    )


def _negated(found: Condition) -> Condition:
    return Condition(f"NOT {found.many}", f"NOT {found.one}", found.many_bindings, found.one_bindings)


def _value_in(system: CodeSystem, name: str, value: str) -> Condition:
    values = tuple(one.strip() for one in value.split(","))
    return _valued(f"value IN ({','.join('?' * len(values))})", system, name, values)


def _value_exists(system: CodeSystem, name: str, value: str) -> Condition:
    found = _valued("1", system, name, ())
    return found if value == "true" else _negated(found)


def _value_fits(system: CodeSystem, name: str, value: str) -> Condition:
    compiled(value)
    return _valued("fits(?, value)", system, name, (value,))


def _value_is_a(system: CodeSystem, name: str, value: str) -> Condition:
    """A property whose values are codes of the same system."""
    number = _number(system, value)
    below = "SELECT d.code FROM closure JOIN concept d ON d.id=descendant WHERE ancestor=?"
    test = f"value IN (SELECT code FROM concept WHERE id=? UNION {below})"
    return Condition(
        f"c.id IN ({_VALUES} AND {test})",
        f"{_HAS_VALUE} AND {test})",
        (system.number, name, number, number),
        (name, number, number),
    )


_OF_VALUES: Mapping[str, Callable[[CodeSystem, str, str], Condition]] = {
    "=": lambda system, name, value: _valued("value=?", system, name, (value,)),
    "in": _value_in,
    "not-in": lambda system, name, value: _negated(_value_in(system, name, value)),
    "exists": _value_exists,
    "regex": _value_fits,
    "is-a": _value_is_a,
}
