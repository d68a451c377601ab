"""$match, $merge, $link and $unlink of Patients (docs/persons.md)."""
