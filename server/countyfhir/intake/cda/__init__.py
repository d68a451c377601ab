"""Clinical documents (HL7 CDA R2): the tree of a document and its narrative."""
