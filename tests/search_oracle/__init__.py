"""Search answered a second time, by brute force, to compare the index with (R4 section 3.1.1).

``answering`` walks every resource with the FHIRPath of the search parameters and the specification's rules as they are
written out here; nothing of the program's ``search`` or ``store`` rooms is called.
"""
