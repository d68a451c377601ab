"""HL7 v2 over a line: the listener of the Minimal Lower Layer Protocol (HL7 v2.5.1 chapter 2; MLLP release 1)."""
