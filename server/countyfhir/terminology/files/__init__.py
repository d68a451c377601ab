"""The files under ``terminology/``: code systems, value sets, maps and naming systems, as FHIR JSON or in a short form
that people write (docs/add-a-code-system.md)."""
