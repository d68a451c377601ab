"""Compiles the official R4 package into the data files of ``countyfhir.model``; only run by hand."""
