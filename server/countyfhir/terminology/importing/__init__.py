"""Code systems that a county obtains itself, as streams of concepts into the index: ICD, NHSA lists, LOINC, SNOMED CT,
tables of any kind, FHIR JSON (docs/add-a-code-system.md)."""
