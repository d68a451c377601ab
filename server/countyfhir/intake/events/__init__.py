"""One event, one resource: the same stay, visit, result or report through several channels (DESIGN decision 15)."""
