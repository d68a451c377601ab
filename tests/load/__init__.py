"""The scripts under ``bench/`` do what they say, in their smallest size."""
