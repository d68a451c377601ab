"""The operations that are offered; one entry each, and route, CapabilityStatement and docs follow (DESIGN decision
9)."""

from __future__ import annotations

from countyfhir.interactions.world import Operation
from countyfhir.operations.everything import everything
from countyfhir.operations.lastn import lastn
from countyfhir.operations.meta import meta, meta_add, meta_delete
from countyfhir.operations.purge import purge
from countyfhir.operations.reindex import reindex, status

_R4 = "http://hl7.org/fhir/OperationDefinition/"
_OURS = "https://fhir.county-hc.example/OperationDefinition/"

OPERATIONS: tuple[Operation, ...] = (
    Operation("meta", meta, _R4 + "Resource-meta", on_system=True, on_type=True, on_instance=True),
    Operation("meta-add", meta_add, _R4 + "Resource-meta-add", on_instance=True, affects_state=True),
    Operation("meta-delete", meta_delete, _R4 + "Resource-meta-delete", on_instance=True, affects_state=True),
    Operation("everything", everything, _R4 + "Patient-everything", ("Patient",), on_type=True, on_instance=True),
    Operation("everything", everything, _R4 + "Encounter-everything", ("Encounter",), on_instance=True),
    Operation("lastn", lastn, _R4 + "Observation-lastn", ("Observation",), on_type=True),
    Operation("purge", purge, _OURS + "Resource-purge", on_instance=True, affects_state=True),
    Operation("reindex", reindex, _OURS + "reindex", on_system=True, on_type=True, affects_state=True),
    Operation("reindex-status", status, _OURS + "reindex-status", on_system=True),
)
