"""A synthetic county of any size: fictitious residents with about a hundred resources each, always the same for a
seed. One file is one kind of record; ``making`` puts them together."""
