"""Which packages an installation needs, and in which order (FHIR NPM Package Specification, dependencies)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from countyfhir.cli.packages.archive import Manifest, manifest

NUMBER = re.compile(r"\d+")


@dataclass(slots=True)
class Order:
    """What is to be installed, dependencies first; what is missing, as sentences."""

    packages: list[Manifest] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def found(sources: Iterable[Path]) -> tuple[list[Manifest], list[Manifest]]:
    """(packages named as files, packages that lie in folders and are taken only when needed)."""
    named, beside = [], []
    for source in sources:
        if source.is_dir():
            beside += [manifest(path) for path in sorted(source.rglob("*.tgz"))]
        else:
            named.append(manifest(source))
    return named, beside


def ordered(named: Iterable[Manifest], beside: Iterable[Manifest], installed: Mapping[str, Iterable[str]]) -> Order:
    """The packages named and what they depend on, as far as it lies ``beside`` or is installed (name -> versions)."""
    order, seen = Order(), set[str]()
    wanted = list(named)
    at_hand = [*wanted, *beside]

    def take(package: Manifest) -> None:
        if package.label in seen:
            return
        seen.add(package.label)
        for name, version in package.dependencies.items():
            if any(fits(one, version) for one in installed.get(name, ())):
                continue
            choice = best([one for one in at_hand if one.name == name], version)
            if choice is not None:
                take(choice)
            elif not list(installed.get(name, ())):
                order.missing.append(f"{package.label} needs {name}@{version}, which is not at hand")
        order.packages.append(package)

    for one in wanted:
        take(one)
    return order


def best(candidates: list[Manifest], version: str) -> Manifest | None:
    """The candidate of this version, the newest that fits it, else the newest there is."""
    fitting = [one for one in candidates if fits(one.version, version)] or candidates
    return max(fitting, key=lambda one: rank(one.version), default=None)


def fits(version: str, wanted: str) -> bool:
    """Whether a version is the one wanted: exactly, ``1.2.x``, ``latest`` or ``current``."""
    if wanted in ("latest", "current", "dev", "x", "*"):
        return True
    parts, others = wanted.split("."), version.split(".")
    if parts[-1] in ("x", "*"):
        return others[: len(parts) - 1] == parts[:-1]
    return version == wanted


def rank(version: str) -> tuple[tuple[int, ...], bool]:
    """What orders versions: numbers, a release after its previews."""
    release, dash, _ = version.partition("-")
    return tuple(int(one) for one in NUMBER.findall(release)), not dash
