"""Which profiles are checked on write, and how strictly: by resource type and by who sends (settings ``profile_checks``
and ``required_profiles``)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MODES = ("off", "warn", "enforce")
_CHECK = re.compile(r"(\*|[A-Z][A-Za-z]+)(?:@([^=@\s]+))?=(off|warn|enforce)")
_REQUIRED = re.compile(r"([A-Z][A-Za-z]+)=(\S+:\S+)")


@dataclass(frozen=True, slots=True)
class Requirements:
    """``modes`` by (type or ``*``, organization or None); ``profiles`` by type."""

    modes: Mapping[tuple[str, str | None], str] = field(default_factory=dict)
    profiles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def mode(self, resource_type: str, organization: str | None) -> str:
        """off, warn or enforce. The source counts more than the type, so that a new source can be let in gently."""
        for at in ((resource_type, organization), ("*", organization), (resource_type, None), ("*", None)):
            if at in self.modes:
                return self.modes[at]
        return "off"


def read(checks: Iterable[str], required: Iterable[str]) -> Requirements:
    """The requirements that the settings state; ValueError says what is wrong with them."""
    modes: dict[tuple[str, str | None], str] = {}
    profiles: dict[str, tuple[str, ...]] = {}
    for text in checks:
        match = _CHECK.fullmatch(text)
        if match is None:
            raise ValueError(
                f"must be TYPE=MODE or TYPE@ORGANIZATION=MODE with MODE {', '.join(MODES)}; '{text}' is not"
            )
        modes[match[1], match[2]] = match[3]
    for text in required:
        match = _REQUIRED.fullmatch(text)
        if match is None:
            raise ValueError(f"must be TYPE=CANONICAL, such as Patient=https://example.org/p; '{text}' is not")
        profiles[match[1]] = (*profiles.get(match[1], ()), match[2])
    return Requirements(modes, profiles)
