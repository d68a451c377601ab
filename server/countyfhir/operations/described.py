"""OperationDefinitions of the operations that R4 does not have, from the table and what ``described.yaml`` says of
them (R4 OperationDefinition): what the CapabilityStatement names can be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.interactions.world import Operation

OURS = "https://fhir.county-hc.example/OperationDefinition/"
_PARAMETER = re.compile(r"(?P<name>[\w-]+) (?P<min>\d)\.\.(?P<max>1|\*) (?P<type>\w+): (?P<meaning>.+)")


def definitions(operations: Iterable[Operation]) -> Iterator[Resource]:
    """An OperationDefinition for each operation of the table with a canonical of ours."""
    import yaml  # not needed to start

    told = yaml.safe_load(Path(__file__).with_name("described.yaml").read_text("utf-8"))
    for one in operations:
        name = one.definition.removeprefix(OURS)
        if name != one.definition:
            yield _definition(one, name, told[name])


def _definition(operation: Operation, name: str, told: dict[str, Any]) -> Resource:
    english, _, chinese = (part.strip() for part in told["does"].partition("|"))
    parameters = [_parameter(text, use) for use in ("in", "out") for text in told.get(use, ())]
    types = {"resource": list(operation.resource_types)} if operation.resource_types else {}
    return {
        "resourceType": "OperationDefinition",
        "id": name,
        "url": operation.definition,
        "version": "1",
        "name": "".join(part.capitalize() for part in re.split(r"\W+", name)),
        "title": chinese.rstrip("。"),
        "status": "active",
        "kind": "operation",
        "date": "2026-11-22",
        "publisher": "CountyFHIR",
        "description": f"{english} {chinese}",
        "affectsState": operation.affects_state,
        "code": operation.code,
        **types,
        "system": operation.on_system,
        "type": operation.on_type,
        "instance": operation.on_instance,
        **({"parameter": parameters} if parameters else {}),
    }


def _parameter(text: str, use: str) -> Resource:
    found = _PARAMETER.fullmatch(text)
    assert found is not None, text
    return {
        "name": found["name"],
        "use": use,
        "min": int(found["min"]),
        "max": found["max"],
        "documentation": found["meaning"],
        "type": found["type"],
    }
