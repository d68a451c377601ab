"""Persons kept up to date: what is written is compared, grouped and linked before the answer (docs/persons.md)."""
