"""Compiles the official R4 package into the data files of ``countyfhir.model`` (run by hand: ``python -m countyfhir.model.compile``)."""
