"""YAML as terminology files use it (codes stay text: ``01`` is "01", ``no`` is "no") and the elements that every
canonical resource has (R4 section 2.26)."""

from __future__ import annotations

import re
from typing import Any

import yaml

LOCAL = "https://fhir.county-hc.example"
PUBLISHER = "CountyFHIR"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS = {"true": True, "false": False}
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")


class TerminologyFileError(ValueError):
    """A terminology file cannot be used; the message says why, and in which file."""


def documents(text: str) -> list[dict[str, Any]]:
    """The YAML documents of ``text``, each a mapping. Scalars are text, but for a plain true and false."""
    made = [_plain(node) for node in yaml.compose_all(text, Loader=_LOADER)]
    if not all(isinstance(document, dict) for document in made):
        raise TerminologyFileError("a document is a mapping of keys to values")
    return made


def _plain(node: yaml.Node | None) -> Any:
    if isinstance(node, yaml.MappingNode):
        made: dict[str, Any] = {}
        for key, value in node.value:
            if key.value in made:
                raise TerminologyFileError(f"line {key.start_mark.line + 1}: '{key.value}' stands here a second time")
            made[key.value] = _plain(value)
        return made
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    if not isinstance(node, yaml.ScalarNode):
        return None
    return _WORDS.get(node.value, node.value) if node.style is None else node.value


def canonical(document: dict[str, Any], resource_type: str, url: str, folder: str) -> dict[str, Any]:
    """The elements before the content: ``url``, ``version``, ``title``, ``english``, ``description``, ``experimental``,
    ``copyright``; a local ``url`` without an address (``form-rh``) is made one below ``folder``."""
    title, english = document.get("title"), document.get("english")
    made: dict[str, Any] = {
        "resourceType": resource_type,
        "id": identity(document, url),
        "language": document.get("language", "zh-CN"),
    }
    made["url"] = address(url, folder)
    if "version" in document:
        made["version"] = document["version"]
    made["name"] = name_of(english or made["id"])
    made["title"] = " ".join(part for part in (title, english) if part) or made["id"]
    made |= {"status": document.get("status", "active"), "experimental": bool(document.get("experimental", False))}
    if "date" in document:
        made["date"] = document["date"]
    made["publisher"] = PUBLISHER
    for element in ("description", "purpose", "copyright"):
        if element in document:
            made[element] = document[element]
    return made


def address(url: str, folder: str) -> str:
    """A canonical as it is; a bare name (``form-rh``, also ``form-rh|2011``) below the county's own address."""
    return url if ":" in url else f"{LOCAL}/{folder}/{url}"


def identity(document: dict[str, Any], url: str) -> str:
    """The logical id: ``id`` of the document, else the last part of the url."""
    found = str(document.get("id") or re.sub(r"[^A-Za-z0-9\-.]+", "-", url.rpartition("/")[2].rpartition(":")[2]))
    if not _ID.match(found):
        raise TerminologyFileError(f"'{found}' is no id: up to 64 of A-Z, a-z, 0-9, - and . (say 'id:' in the file)")
    return found


def name_of(english: str) -> str:
    """A name for machines (the pattern of invariant 0): English words joined."""
    joined = "".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", english))
    return (joined if joined[:1].isalpha() else f"T{joined}")[:255]


def texts(value: Any) -> tuple[str | None, str | None]:
    """(Chinese, English) of ``男 | male``; either may be missing."""
    if not isinstance(value, str):
        return None, None
    chinese, _, english = (part.strip() for part in value.partition(" | "))
    return chinese or None, english or None


def known(document: dict[str, Any], allowed: frozenset[str], what: str) -> None:
    """Refuse keys that would be ignored."""
    if wrong := sorted(set(document) - allowed):
        raise TerminologyFileError(f"{what} has no '{wrong[0]}': it has {', '.join(sorted(allowed))}")


HEAD = frozenset(
    {"id", "version", "title", "english", "status", "experimental", "date", "description", "purpose", "copyright"}
    | {"language"}
)
"""What every short form may say about itself."""
