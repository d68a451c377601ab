"""JSON Pointer (RFC 6901): where an operation of a JSON Patch works."""

from __future__ import annotations

import re
from typing import Any

from countyfhir.outcome import FhirError

Pointer = tuple[str, ...]
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_BAD_ESCAPE = re.compile(r"~(?![01])")
_NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9]*")


def parse(text: str, owner: str) -> Pointer:
    """The reference tokens of ``text``, unescaped; FhirError "value" when it is no pointer (``owner`` names it)."""
    if text and not text.startswith("/"):
        raise FhirError("value", f"{owner} must be a JSON Pointer: empty or starting with '/'")
    if _BAD_ESCAPE.search(text):
        raise FhirError("value", f"{owner} holds a '~' that is neither '~0' nor '~1'")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:])


def expression(pointer: Pointer, root: Any) -> tuple[str, ...]:
    """The place as FHIRPath, as far as the tokens are element names and indexes."""
    path = str(root.get("resourceType", "Resource")) if isinstance(root, dict) else "Resource"
    for token in pointer:
        if _INDEX.fullmatch(token):
            path += f"[{token}]"
        elif _NAME.fullmatch(token):
            path += f".{token.lstrip('_')}"
        else:
            break
    return (path,)


def absent(pointer: Pointer, root: Any, what: str) -> FhirError:
    """The error for a place that is not there."""
    return FhirError("processing", what, expression=expression(pointer, root))


def index(token: str, length: int, pointer: Pointer, root: Any) -> int:
    """The array index ``token`` below ``length``; FhirError for leading zeros, other text, or an index out of range."""
    if not _INDEX.fullmatch(token):
        raise absent(pointer, root, "An array index (0, 1, 2 …) was expected at the end of the pointer")
    if int(token) >= length:
        raise absent(pointer, root, f"The array has {length} items; there is none with index {token}")
    return int(token)


def get(root: Any, pointer: Pointer) -> Any:
    """The value at ``pointer``; FhirError "processing" when nothing is there."""
    value = root
    for depth, token in enumerate(pointer):
        here = pointer[: depth + 1]
        if isinstance(value, list):
            value = value[index(token, len(value), here, root)]
        elif isinstance(value, dict) and token in value:
            value = value[token]
        else:
            raise absent(here, root, "The pointer leads to nothing that is in the resource")
    return value
