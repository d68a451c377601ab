"""What ``countyfhir validate`` consists of: pieces of files, the judging of them on several cores, and reports."""
