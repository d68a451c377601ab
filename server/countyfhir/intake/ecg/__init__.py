"""Recordings of ECG machines as records that are trees: HL7 aECG, MUSE XML, SCP-ECG, DICOM waveforms."""
