"""Reading centres (DOMAIN 1-G, 5.6): an order becomes a Task with a clock, is claimed, reported, delivered; reports are
matched to order and person, held where both do not agree; corrections are told to all who have the earlier one."""
