"""Measures the server beside its ceilings, in one run on one machine (docs/benches.md)."""
