"""Telephone numbers among remarks (dirt M18)."""

from __future__ import annotations

import re
from typing import Any

from countyfhir.mapping.functions.function import Function
from countyfhir.mapping.functions.text import narrow

MOBILE = re.compile(r"(?<!\d)(?:\+?(?:00)?86[\s-]*)?(1[3-9]\d)[\s-]?(\d{4})[\s-]?(\d{4})(?!\d)")
LANDLINE = re.compile(
    r"(?<!\d)(?:\((0\d{2,3})\)\s*|(0\d{2,3})[\s-]?)(\d{7,8})(?!\d)(?:\s*(?:转|ext\.?|-)\s*(\d{1,6}))?"
)
LOCAL = re.compile(r"[2-8]\d{6,7}")


def phone(value: Any) -> dict[str, str] | None:
    """``value`` and ``use`` (mobile before landline) of the usable number; 无 and text without a number are absent."""
    plain = narrow(value)
    if match := MOBILE.search(plain):
        return {"system": "phone", "value": "".join(match.groups()), "use": "mobile"}
    if match := LANDLINE.search(plain):
        number = f"{match[1] or match[2]}{'' if match[0].startswith(f'{match[2]}{match[3]}') else '-'}{match[3]}"
        return {"system": "phone", "value": f"{number} ext. {match[4]}" if match[4] else number}
    return {"system": "phone", "value": plain} if LOCAL.fullmatch(plain) else None


FUNCTIONS = (Function("phone", phone, "the usable telephone number as a ContactPoint (M18)"),)
