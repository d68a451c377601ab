"""CountyFHIR: one shared FHIR R4 record for a county medical consortium."""

__version__ = "0.1.0"
