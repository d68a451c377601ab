"""The official R4 resources themselves, as published in hl7.fhir.r4.core 4.0.1 (CC0-1.0, Health Level Seven
International).
"""

from __future__ import annotations

import json
import lzma
import tarfile
from collections.abc import Iterable, Iterator
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

BASE_TYPES = ("StructureDefinition", "SearchParameter", "OperationDefinition", "CompartmentDefinition")
"""The conformance resources that a server shows as its own base."""
TERMINOLOGY_TYPES = ("CodeSystem", "ValueSet", "ConceptMap", "NamingSystem")


def base_resources(resource_types: Iterable[str] = BASE_TYPES) -> Iterator[dict[str, Any]]:
    """Every R4 resource of ``resource_types`` (any of BASE_TYPES and TERMINOLOGY_TYPES), decimals as Decimal.

    The package holds more than the base set: profiles, extensions, search parameters of extensions, examples.
    """
    for line in base_lines(resource_types):
        yield json.loads(line, parse_float=Decimal)


def base_lines(resource_types: Iterable[str] = BASE_TYPES) -> Iterator[bytes]:
    """The same as compact JSON texts, for loading without a parse."""
    for resource_type in resource_types:
        content = files("countyfhir.model").joinpath(f"data/{resource_type}.ndjson.xz").read_bytes()
        yield from lzma.decompress(content).rstrip(b"\n").split(b"\n")


def examples(archive: Path) -> Iterator[tuple[str, bytes]]:
    """(file name, bytes as published) of the official R4 examples in ``tests/data/r4-examples.tar.xz``."""
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is not None:
                yield member.name, file.read()
