"""What the machine could do at most: the same bytes from a bare application, the same rows into a bare store."""
