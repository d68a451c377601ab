"""Chronic care 三高共管 六病同防: registers, classified follow-ups, the next visit, proposals, home readings, long
prescriptions (docs/chronic-care.md; DOMAIN 1-D, 1-F, 3.7, 7.4)."""

from countyfhir.workflow.chronic.rule import RULE

__all__ = ["RULE"]
