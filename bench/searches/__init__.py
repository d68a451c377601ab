"""``bench/search``: searches on a county of growing size. One table of shapes, one truth, one measurement."""
