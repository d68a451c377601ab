"""Legacy records -> FHIR resources, by mapping files that an integrator writes (docs/map-a-legacy-system.md)."""

from countyfhir.mapping.apply import apply
from countyfhir.mapping.finding import Finding
from countyfhir.mapping.load import load, load_all
from countyfhir.mapping.record import Context, MappedRecord, RecordMapping, Source
from countyfhir.mapping.yaml_text import MappingError

__all__ = ["Context", "Finding", "MappedRecord", "MappingError", "RecordMapping", "Source", "apply", "load", "load_all"]
