"""What ``countyfhir doctor`` looks at: each check is a function from settings to a finding that says how to mend it."""
