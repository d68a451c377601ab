"""The named functions of the mapping language: one table; each is pure, named, documented and tested on the dirt."""

from __future__ import annotations

from countyfhir.mapping.functions import (
    contact,
    dates,
    diagnosis,
    document,
    drug,
    message,
    person,
    pressure,
    quantity,
    text,
)
from countyfhir.mapping.functions.function import Function

FUNCTIONS: dict[str, Function] = {
    function.name: function
    for module in (text, person, dates, quantity, pressure, contact, diagnosis, drug, message, document)
    for function in module.FUNCTIONS
}
"""Every function by name. docs/map-a-legacy-system.md lists them; a test holds the two together."""
__all__ = ["FUNCTIONS", "Function"]
