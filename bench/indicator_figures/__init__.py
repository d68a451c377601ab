"""Compares the indicators of the record with a file that says what they are."""
