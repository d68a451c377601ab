"""What expressions work on: values with their type (FHIRPath N1 section 1.3, FHIR R4 section 2.26).

Inside the engine a node is a plain tuple ``(value, type_name, sibling)`` (a fourth part, the place, while locating);
it becomes an Item when it leaves. Collections are lists that are never changed once they are returned.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

Node = tuple[Any, ...]
Nodes = list[Node]


class Item(NamedTuple):
    """A result: plain Python ``value`` (None for a primitive that has only extensions), ``type_name`` (``HumanName``,
    ``dateTime``, ``Patient.contact``; ``System.Boolean`` for what was computed) and the primitive's ``_element``."""

    value: Any
    type_name: str
    sibling: dict[str, Any] | None = None


class Quantity(NamedTuple):
    """A System.Quantity: ``unit`` is a UCUM code in single quotes, or a calendar word such as ``day``."""

    value: Decimal
    unit: str

    def __str__(self) -> str:
        return f"{self.value} {self.unit}"


EMPTY: Nodes = []
TRUE: Nodes = [(True, "System.Boolean", None)]
FALSE: Nodes = [(False, "System.Boolean", None)]


def boolean(value: bool | None) -> Nodes:
    """The collection of a three-valued answer."""
    return EMPTY if value is None else TRUE if value else FALSE


def integer(value: int) -> Nodes:
    """A collection of one System.Integer."""
    return [(value, "System.Integer", None)]


def decimal(value: Decimal) -> Nodes:
    """A collection of one System.Decimal."""
    return [(value, "System.Decimal", None)]


def string(value: str) -> Nodes:
    """A collection of one System.String."""
    return [(value, "System.String", None)]


def quantity(value: Quantity) -> Nodes:
    """A collection of one System.Quantity."""
    return [(value, "System.Quantity", None)]


_KINDS: dict[str, str] = {
    "boolean": "boolean",
    "System.Boolean": "boolean",
    "System.String": "string",
    "System.Integer": "number",
    "System.Decimal": "number",
    "System.Date": "date",
    "System.DateTime": "date",
    "System.Time": "time",
    "System.Quantity": "quantity",
    "date": "date",
    "dateTime": "date",
    "instant": "date",
    "time": "time",
}
_KINDS |= dict.fromkeys(("integer", "positiveInt", "unsignedInt", "decimal"), "number")
_KINDS |= dict.fromkeys(
    ("Quantity", "Age", "Count", "Distance", "Duration", "SimpleQuantity", "MoneyQuantity"), "quantity"
)
_KINDS |= dict.fromkeys(
    ("string", "code", "id", "markdown", "uri", "url", "canonical", "oid", "uuid", "base64Binary", "xhtml"), "string"
)


def kind_of(node: Node) -> str:
    """boolean, number, string, date, time, quantity or complex: which values it can be compared with."""
    return _KINDS.get(node[1], "complex")


def kind_of_type(type_name: str) -> str:
    """The kind of all values of a type."""
    return _KINDS.get(type_name, "complex")


def node_of(value: Any, type_name: str | None = None) -> Node:
    """The node of a plain Python value; a resource tells its own type. Raises TypeError for other values."""
    if isinstance(value, Item):
        return value
    if isinstance(value, dict):
        return (value, value.get("resourceType") or type_name or "Element", None)
    if type_name is not None:
        return (value, type_name, None)
    for python_type, name in _PYTHON_TYPES:
        if isinstance(value, python_type):
            return (Decimal(repr(value)) if python_type is float else value, name, None)
    raise TypeError(f"FHIRPath cannot work on a {type(value).__name__}")


_PYTHON_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "System.Boolean"),
    (int, "System.Integer"),
    (Quantity, "System.Quantity"),
    (str, "System.String"),
    (Decimal, "System.Decimal"),
    (float, "System.Decimal"),
)


def nodes_of(value: Any, type_name: str | None = None) -> Nodes:
    """The collection of a plain Python value, of a list of them, or of None."""
    if value is None:
        return EMPTY
    if isinstance(value, list):
        return [node_of(one, type_name) for one in value]
    return [node_of(value, type_name)]
