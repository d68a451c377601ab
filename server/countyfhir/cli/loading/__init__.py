"""Loading FHIR files: finding and reading them, grouping, sending many at once, remembering how far it came."""
