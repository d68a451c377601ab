"""HL7 v2 messages (2.3 to 2.5.1): reading, acknowledging."""
