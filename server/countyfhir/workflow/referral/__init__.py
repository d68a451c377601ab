"""Two-way referral 双向转诊: a closed loop from the letter to the slip (DOMAIN 1-B, 3.5, 5.5)."""

from countyfhir.workflow.referral.rule import RULE

__all__ = ["RULE"]
