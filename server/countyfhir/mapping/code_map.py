"""Code maps: one dictionary of one column of one table of one source; never shared by guess (DESIGN decision 11)."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from countyfhir.mapping.finding import Noted


@dataclass(frozen=True, slots=True)
class CodeMap:
    """``entries`` by legacy code. A code outside is the issue ``unmapped``; ``fallback`` is stated only where the
    mapping file itself declares it. ``width`` restores lost leading zeros, by rule (M30z)."""

    name: str
    entries: Mapping[str, Any]
    unmapped: str = "unmapped-code"
    fallback: Any = None
    blank: Any = None
    blank_issue: str | None = None
    width: int = 0

    def translate(self, value: Any) -> Any:
        """The target of a code, or what the map declares for blank and unknown ones, with the issue."""
        if value is None:
            return Noted(self.blank, self.blank_issue) if self.blank_issue else self.blank
        code = str(value).strip()
        if code in self.entries:
            return self.entries[code]
        narrowed = unicodedata.normalize("NFKC", code).strip()
        if narrowed in self.entries:  # full-width digits (M10)
            return self.entries[narrowed]
        if self.width and code.zfill(self.width) in self.entries:
            return Noted(self.entries[code.zfill(self.width)], "M30z")
        return Noted(self.fallback, self.unmapped, "warning")


def code_map(name: str, declared: Mapping[str, Any]) -> CodeMap:
    """A map as a mapping file or a file under ``terminology/code-maps`` declares it."""
    system = declared.get("system")
    entries = {str(code): coded(target, system) for code, target in declared["table"].items()}
    unmapped, blank = declared.get("unmapped", {}), declared.get("blank", {})
    return CodeMap(
        name,
        entries,
        unmapped.get("issue", "unmapped-code"),
        unmapped.get("value"),
        blank.get("value"),
        blank.get("issue"),
        declared.get("width", 0),
    )


def coded(target: Any, system: str | None) -> Any:
    """With a system, ``{code, display}`` becomes a Coding."""
    if system and isinstance(target, dict) and "code" in target and "system" not in target:
        return {"system": system, **target}
    return target
