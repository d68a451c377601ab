"""Legacy files as records: one file a format, ``formats.READERS`` lists them."""
