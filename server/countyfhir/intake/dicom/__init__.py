"""DICOM objects as records that are trees (DICOM PS3.5, PS3.10)."""
