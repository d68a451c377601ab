"""Versions of code systems and value sets: which one is meant, which one is newest (R4 section 2.6.0.4, canonical
references with a version; ValueSet/$expand: system-version, check-system-version, force-system-version)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from countyfhir.outcome import FhirError
from countyfhir.terminology.contents import ORIGINS, Content

_PARTS = re.compile(r"\d+|[^\d.\-_/]+")
_ABSENT = ("not-present", "supplement")


def key(version: str) -> tuple[tuple[int, int, str], ...]:
    """What orders versions: numbers as numbers, words before numbers."""
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in _PARTS.findall(version))


def fits(wanted: str, version: str) -> bool:
    """Whether a version is the one that is wanted: the same, of the pattern (``1.x``, ``1.*``), or an edition's (SNOMED
    CT's ``…/sct/900000000000207008`` fits each of its versions)."""
    if wanted == version or wanted in ("*", ""):
        return True
    if wanted.startswith("http://snomed.info/"):
        return version.startswith(wanted + "/")
    parts, others = wanted.split("."), version.split(".")
    if not any(part in ("x", "X", "*") for part in parts):
        return False
    if len(others) < len(parts):
        return False
    return all(part in ("x", "X", "*") or part == other for part, other in zip(parts, others, strict=False))


def newest(candidates: Iterable[Content], wanted: str | None) -> Content | None:
    """Of the versions that fit: one with concepts before one without, an active one before another, the newest, and of
    the same version the one that came from nearest (a stored one before R4's own)."""
    fitting = [one for one in candidates if wanted is None or fits(wanted, one.version)]
    return max(fitting, key=_rank, default=None)


def _rank(one: Content) -> tuple[object, ...]:
    present = one.mode not in _ABSENT
    return (present, one.status == "active", key(one.version), ORIGINS.index(one.origin), one.content_id)


Pairs = Sequence[tuple[str, str]]


def split(canonical: str) -> tuple[str, str | None]:
    """``url|version`` in its parts."""
    url, bar, version = canonical.partition("|")
    return url, version if bar and version else None


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Versions:
    """What a request says of versions. ``default`` where nothing else says one, ``check`` to be kept, ``force``
    whatever else says; each code system -> version. ``value_sets``: value set -> version, where nothing says one."""

    default: Mapping[str, str] = field(default_factory=dict)
    check: Mapping[str, str] = field(default_factory=dict)
    force: Mapping[str, str] = field(default_factory=dict)
    value_sets: Mapping[str, str] = field(default_factory=dict)

    def of(self, system: str, stated: str | None) -> str | None:
        """The version to look for."""
        return self.force.get(system) or stated or self.default.get(system) or self.check.get(system)

    def verify(self, system: str, found: str) -> None:
        """FhirError 422 when a version was asked to be kept and another is used."""
        wanted = self.check.get(system)
        if wanted is not None and not fits(wanted, found):
            raise FhirError(
                "exception",
                f"The version '{found}' of the code system {system} is used, but check-system-version says '{wanted}'.",
                status=422,
            )


NO_VERSIONS = Versions()
