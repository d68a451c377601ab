"""Who asks and what they may do: keys, tokens, scopes, the check of every interaction (DESIGN decision 12)."""
