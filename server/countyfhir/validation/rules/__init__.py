"""The rules beyond structure: invariants, bindings, codes, bundles (R4 sections 2.6.2, 4.1.5, 5.1.0.20)."""
