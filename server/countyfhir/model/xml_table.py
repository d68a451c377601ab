"""What stands where in FHIR's XML form, compiled from the definitions (R4 section 2.6.1, XML Representation)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from countyfhir.model.definitions import ElementDefinition, definitions
from countyfhir.model.json import decimal

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"

PRIMITIVE, COMPLEX, RESOURCE, DIV = range(4)
"""The four ways an element is written: @value, child elements, one resource inside, XHTML."""


@dataclass(frozen=True, slots=True)
class Step:
    """One element of a type: its JSON names, its place in the order, how its content is written."""

    name: str
    sibling: str  # the name of a primitive's "_name"
    order: int
    form: int
    type_name: str
    is_array: bool
    attribute: bool
    value: Callable[[str], Any]  # JSON value of a primitive's text; ValueError when it is none


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


_INTEGER = re.compile(r"0|[-+]?[1-9][0-9]{0,30}")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"0|-?[1-9][0-9]*")


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError("a whole number without leading zeros")
    return int(text)


def _decimal(text: str) -> int | Decimal:
    if not _DECIMAL.fullmatch(text):
        raise ValueError("a decimal number")
    try:
        number = decimal(text)
    except ArithmeticError as error:
        raise ValueError("a number of fewer digits") from error
    return int(text) if _WHOLE.fullmatch(text) else number


_VALUES: dict[str, Callable[[str], Any]] = {
    "boolean": _boolean,
    "integer": _integer,
    "positiveInt": _integer,
    "unsignedInt": _integer,
    "decimal": _decimal,
}


def _form(element: ElementDefinition) -> int:
    if element.type_name == "xhtml":
        return DIV
    if element.is_primitive:
        return PRIMITIVE
    definition = definitions().types[element.type_name]
    return RESOURCE if definition.kind == "resource" else COMPLEX


@cache
def by_json_name(type_name: str) -> dict[str, Step]:
    """The steps of a type by JSON property name."""
    return {
        name: Step(
            name,
            "_" + name,
            element.order,
            _form(element),
            element.type_name,
            element.is_array,
            element.xml_attribute,
            _VALUES.get(element.type_name, str),
        )
        for name, element in definitions().types[type_name].elements.items()
    }


@cache
def by_xml_name(type_name: str) -> dict[str, Step]:
    """The child elements of a type by namespace and name, as ``namespace name``; attributes are not among them."""
    namespaces = {DIV: XHTML}
    return {
        f"{namespaces.get(step.form, FHIR)} {name}": step
        for name, step in by_json_name(type_name).items()
        if not step.attribute
    }


@cache
def attributes(type_name: str) -> frozenset[str]:
    """The names of a type's elements that are XML attributes: ``id``, and ``url`` of Extension."""
    return frozenset(name for name, step in by_json_name(type_name).items() if step.attribute)
