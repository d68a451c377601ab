"""Where the mapping files and code maps that ship with the program lie: in the wheel, or beside ``server/`` in a checkout."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def folder(name: str) -> Path:
    """The shipped folder ``mappings`` or ``terminology``; FileNotFoundError says what is missing."""
    for candidate in (PACKAGE / "data" / name, PACKAGE / name, PACKAGE.parent.parent / name):
        if candidate.is_dir() and not (candidate / "__init__.py").exists():
            return candidate
    raise FileNotFoundError(f"the folder '{name}' that ships with CountyFHIR is not installed")


def mappings() -> Path:
    """The mapping files that ship."""
    return folder("mappings")


def code_maps() -> Path:
    """The code maps that ship."""
    return folder("terminology") / "code-maps"
