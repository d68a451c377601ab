"""Math functions (FHIRPath N1 section 5.7)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal, DecimalException, localcontext
from typing import Any

from countyfhir.fhirpath.arithmetic import number
from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.functions.table import Function, single, single_integer, single_number
from countyfhir.fhirpath.item import EMPTY, Nodes, Quantity, kind_of, quantity
from countyfhir.fhirpath.quantity import quantity_of
from countyfhir.fhirpath.scope import Scope

DIGITS = 28
"""Significant digits of what cannot be calculated exactly; logarithms keep half of them after the point, so that
100.log(10) is 2."""


def _on_numbers(work: Callable[..., int | Decimal | None], arguments: int = 0) -> Function:
    """A function of the input number and of number arguments; empty when one is or the result does not exist."""

    def run(scope: Scope, nodes: Nodes, *given: Nodes) -> Nodes:
        numbers = [single_number(nodes), *[single_number(one, "The argument") for one in given]]
        if None in numbers:
            return EMPTY
        try:
            value = work(*numbers)
        except (DecimalException, OverflowError):
            return EMPTY
        return EMPTY if value is None else number(value)

    return Function(run, arguments, arguments)


def _whole(rounding: str) -> Callable[[int | Decimal], int]:
    return lambda value: int(Decimal(value).to_integral_value(rounding))


def _log(value: Any, radix: Any) -> Decimal | None:
    if value <= 0 or radix <= 0 or radix == 1:
        return None
    with localcontext() as context:
        context.prec = DIGITS + 10
        exact = Decimal(value).ln() / Decimal(radix).ln()
    return _clean(exact)


def _clean(exact: Decimal) -> Decimal:
    """Rounded to the usual digits, so that noise of the last places vanishes."""
    return exact.quantize(Decimal(1).scaleb(-DIGITS // 2)).normalize() + 0


def _power(value: Any, exponent: Any) -> int | Decimal | None:
    if isinstance(value, int) and isinstance(exponent, int) and 0 <= exponent <= 1000:
        return int(value**exponent)
    if value < 0 and Decimal(exponent) % 1:
        return None
    return Decimal(value) ** Decimal(exponent)


def _square_root(value: Any) -> Decimal | None:
    return None if value < 0 else Decimal(value).sqrt()


def _abs(scope: Scope, nodes: Nodes) -> Nodes:
    node = single(nodes)
    amount = quantity_of(node) if node is not None and kind_of(node) == "quantity" else None
    if amount is not None:
        return quantity(Quantity(abs(amount.value), amount.unit))
    value = single_number(nodes)
    return EMPTY if value is None else number(abs(value))


def _round(scope: Scope, nodes: Nodes, precision: Nodes = EMPTY) -> Nodes:
    value, digits = single_number(nodes), single_integer(precision, "The precision of round()")
    if value is None:
        return EMPTY
    if digits is not None and not 0 <= digits <= DIGITS:
        raise FhirPathError(f"The precision of round() must lie between 0 and {DIGITS}")
    if not digits:
        return number(int(Decimal(value).to_integral_value(ROUND_HALF_UP)))
    return number(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


FUNCTIONS: dict[str, Function] = {
    "abs": Function(_abs),
    "ceiling": _on_numbers(_whole(ROUND_CEILING)),
    "floor": _on_numbers(_whole(ROUND_FLOOR)),
    "truncate": _on_numbers(_whole(ROUND_DOWN)),
    "exp": _on_numbers(lambda value: Decimal(value).exp()),
    "ln": _on_numbers(lambda value: Decimal(value).ln() if value > 0 else None),
    "log": _on_numbers(_log, 1),
    "power": _on_numbers(_power, 1),
    "sqrt": _on_numbers(_square_root),
    "round": Function(_round, 0, 1),
}
