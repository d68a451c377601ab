"""One person, many records: the features by which records are compared, the rules that judge pairs, the groups that
follow, and the golden record of each (docs/persons.md). Pure: who reads and writes stands in ``interactions``."""
