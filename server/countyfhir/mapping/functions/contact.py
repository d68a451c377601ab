"""Telephone numbers among remarks (dirt M18)."""

from __future__ import annotations

import re
from typing import Any

from countyfhir.mapping.functions.function import Function
from countyfhir.mapping.functions.text import narrow

MOBILE = re.compile(r"(?<!\d)(?:\+?86)?(1[3-9]\d{9})(?!\d)")
LANDLINE = re.compile(r"(?<!\d)(0\d{2,3}-?\d{7,8})(?!\d)(?:\s*转\s*(\d{1,6}))?")


def phone(value: Any) -> dict[str, str] | None:
    """``value`` and ``use`` (mobile before landline) of the usable number; 无 and text without a number are absent."""
    plain = narrow(value)
    if match := MOBILE.search(plain):
        return {"system": "phone", "value": match[1], "use": "mobile"}
    if match := LANDLINE.search(plain):
        number = f"{match[1]} ext. {match[2]}" if match[2] else match[1]
        return {"system": "phone", "value": number}
    return None


FUNCTIONS = (Function("phone", phone, "the usable telephone number as a ContactPoint (M18)"),)
