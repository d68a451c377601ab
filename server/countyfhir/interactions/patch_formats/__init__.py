"""The three patch formats, as pure functions ``apply(resource, document) -> resource`` (R4 section 3.1.0.6)."""
