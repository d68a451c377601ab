"""Rules as data: ``rules/NAME.yaml`` of ``profiles/`` and of an operator's folders, where a later folder's file stands
in the place of an earlier one's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from countyfhir.outcome import FhirError


class FolderTables:
    """The tables below some folders; each is read, and checked against its JSON Schema, when first asked for."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = tuple(folders)
        self._read: dict[str, dict[str, Any]] = {}
        self._plans: dict[str, dict[str, Any]] | None = None

    def table(self, name: str) -> dict[str, Any]:
        """The content; FhirError 500 that names the place when it cannot be used."""
        if name not in self._read:
            path = self._latest(f"rules/{name}.yaml")
            schema = self._latest(f"rules/schema/{name}.schema.json")
            self._read[name] = read(path, schema)
        return self._read[name]

    def version(self, name: str) -> str:
        """A short text that is another for another content."""
        return hashlib.sha256(self._latest(f"rules/{name}.yaml").read_bytes()).hexdigest()[:12]

    def definition(self, url: str) -> dict[str, Any] | None:
        """The definition in ``plans/`` with a canonical URL; of the last folder that has it."""
        if self._plans is None:
            files = [one for folder in self._folders for one in sorted((folder / "plans").glob("*.yaml"))]
            found = [_definition(one) for one in files]
            self._plans = {str(one.get("url")): one for one in found if "resourceType" in one}
        return self._plans.get(url)

    def _latest(self, name: str) -> Path:
        found = [folder / name for folder in self._folders if (folder / name).is_file()]
        if not found:
            raise unusable(name, "there is no such file")
        return found[-1]


def _parsed(text: str) -> Any:
    """YAML by the safe loader of libyaml, ten times as fast, where it is there."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _definition(path: Path) -> dict[str, Any]:
    import yaml

    try:
        found = _parsed(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise unusable(path.name, str(error)) from error
    return found if isinstance(found, dict) else {}


def read(path: Path, schema: Path) -> dict[str, Any]:
    """The table in a file; FhirError 500 with the first thing that is wrong."""
    import jsonschema  # a server starts without them
    import yaml

    try:
        found = _parsed(path.read_text("utf-8"))
        jsonschema.Draft202012Validator(json.loads(schema.read_text("utf-8"))).validate(found)
    except jsonschema.ValidationError as error:
        raise unusable(path.name, f"{error.json_path}: {error.message}") from error
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise unusable(path.name, str(error)) from error
    assert isinstance(found, dict)
    return found


def unusable(name: str, problem: str) -> FhirError:
    """The error of rules that cannot be read."""
    return FhirError("exception", f"The rules in {name} cannot be used: {problem}.", status=500)
