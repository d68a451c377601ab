"""Where the folders that ship with the program lie: in a checkout beside ``server/``, in a wheel inside the package."""

from __future__ import annotations

from pathlib import Path

FOLDERS = ("profiles", "mappings", "terminology")
_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder ``name`` (profiles, mappings or terminology) of this installation. KeyError for another name,
    FileNotFoundError when the installation lacks it."""
    if name not in FOLDERS:
        raise KeyError(name)
    for place in (_PACKAGE / "data" / name, _PACKAGE.parent.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"this installation has no folder {name}; install it again")


def folders(name: str, further: tuple[Path, ...] = ()) -> tuple[Path, ...]:
    """The shipped folder and the operator's further ones, in the order they are read."""
    return (folder(name), *further)
