"""Columns of records that are trees (XML, JSON, HL7 v2): FHIRPath over an object that no definition describes."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from countyfhir import fhirpath
from countyfhir.fhirpath.schema import RECORD
from countyfhir.mapping.finding import HeldBack

TreePath = Callable[[Any], Any]
"""From the tree to the value: None for nothing, the value itself for one, a list for several."""


@lru_cache(maxsize=4096)
def tree_path(expression: str) -> TreePath:
    """The expression as a function; FhirPathError when it cannot be compiled. One that fails on a tree (text where a
    number is needed) holds its column back as ``unreadable-path``."""
    compiled = fhirpath.compile(expression, RECORD)

    def found(tree: Any) -> Any:
        try:
            nodes = compiled.nodes(tree)
        except fhirpath.FhirPathError as error:
            raise HeldBack("unreadable-path") from error
        if not nodes:
            return None
        return nodes[0][0] if len(nodes) == 1 else [node[0] for node in nodes]

    return found
