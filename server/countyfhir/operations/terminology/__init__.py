"""The terminology operations, one file each (R4 section 4.7, terminology service)."""
