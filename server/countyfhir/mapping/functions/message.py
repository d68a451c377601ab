"""Values of HL7 v2 messages (HL7 v2.5.1 section 2A: data types; section 7.4.2: OBX-5)."""

from __future__ import annotations

from typing import Any

from countyfhir.mapping.functions.function import Function

CODED = frozenset(("CE", "CWE", "CNE", "IS"))
NUMERIC = "SN"


def message_value(value: Any, type_name: Any = None) -> str | None:
    """The text of an OBX-5 (the repetitions of a field): a coded value's display, a structured number with its
    comparator or as a range, else the first components, line by line. ``type_name`` is OBX-2."""
    kind = first_component(type_name)
    repetitions = value if isinstance(value, list) else [value]
    shown = [one_value(one, kind) if isinstance(one, dict) else str(one) for one in repetitions]
    return "\n".join(text for text in shown if text) or None


def first_component(field: Any) -> str:
    one = field[0] if isinstance(field, list) and field else field
    return str(one.get("c1", "")) if isinstance(one, dict) else str(one or "")


def one_value(components: dict[str, str], kind: str) -> str:
    if kind in CODED:
        return components.get("c2") or components.get("c1", "")
    if kind == NUMERIC:
        comparator, number = components.get("c1", ""), components.get("c2", "")
        separator, second = components.get("c3", ""), components.get("c4", "")
        return f"{'' if comparator == '=' else comparator}{number}{separator}{second}"
    return components.get("c1", "")


FUNCTIONS = (
    Function("message_value", message_value, "the text of an OBX-5, by the type in OBX-2 (NM, SN, ST, CE …)", (1, 2)),
)
