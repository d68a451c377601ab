"""Every operation that R4 defines, offered or not, as the page docs/operations.md (R4 section 3.2.0)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from countyfhir.interactions.operation import places_of
from countyfhir.interactions.world import Operation
from countyfhir.model.library import base_resources
from countyfhir.operations.table import OPERATIONS

NOT_OFFERED: Mapping[str, str] = {
    "apply": "of a PlanDefinition and an ActivityDefinition only",
    "care-gaps": "no report on gaps in care",
    "collect-data": "measures read what is stored; nothing has to be collected",
    "conforms": "CapabilityStatements are not compared",
    "convert": "send and ask in the form you want: JSON and XML are converted by Content-Type and Accept",
    "data-requirements": "what a definition needs is not worked out",
    "everything": "of a Patient and an Encounter only",
    "find": "no List by function; search for List?code=",
    "graph": "GraphDefinitions are not followed; use _include and _revinclude",
    "graphql": "no GraphQL",
    "implements": "CapabilityStatements are not compared",
    "populate": "questionnaires are not filled in from the record",
    "process-message": "no FHIR messages; send transactions",
    "questionnaire": "profiles are not turned into forms",
    "snapshot": "no snapshot is made on request",
    "stats": "no statistics of observations",
    "submit": "no claims and no eligibility",
    "submit-data": "measures read what is stored; nothing has to be submitted",
    "subset": "the CapabilityStatement is given whole",
    "transform": "no StructureMaps; legacy records are mapped by mapping files",
    "versions": "this server speaks R4 (4.0) only",
}
"""Code -> why it is not offered, where it is not; the entry of an operation that is offered is not read."""

HEAD = """# Operations of R4

Every operation that FHIR R4 defines, in the order of its definitions, and whether this server offers it; how they are
called is told in [rest.md](rest.md#operations). Calling one that is not offered answers 404 with an OperationOutcome.
This page is written by `countyfhir.operations.listing`.

| Operation | Of | Offered |
|---|---|---|
"""


def operations_page(offered: tuple[Operation, ...] = OPERATIONS) -> str:
    """The text of docs/operations.md; KeyError for an operation that is neither offered nor has a reason."""
    return HEAD + "".join(f"{row}\n" for row in _rows(offered)) + _ours(offered)


def _rows(offered: tuple[Operation, ...]) -> Iterator[str]:
    by_url = {one.definition: one for one in offered}
    for definition in sorted(base_resources(("OperationDefinition",)), key=lambda one: (one["resource"], one["code"])):
        known = by_url.get(definition["url"])
        said = f"yes: {_places(known)}" if known else f"no: {NOT_OFFERED[definition['code']]}"
        yield f"| `${definition['code']}` | {', '.join(definition['resource'])} | {said} |"


def _places(one: Operation) -> str:
    return ", ".join(f"`{place}`" if place != "the base" else "the base address" for place in places_of(one))


def _ours(offered: tuple[Operation, ...]) -> str:
    ours = [one for one in offered if not one.definition.startswith("http://hl7.org/fhir/OperationDefinition/")]
    lines = "".join(f"- `${one.code}` on {_places(one)}\n" for one in ours)
    return f"\nAnd those of our own:\n\n{lines}"
