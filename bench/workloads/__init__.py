"""One file a kind of work; each measures and returns figures."""
