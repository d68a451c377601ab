"""Family-doctor contracts 家庭医生签约: signed once a year, kept, ended with everything that hangs on them (DOMAIN 1-E,
3.6)."""

from countyfhir.workflow.contracts.rule import RULE

__all__ = ["RULE"]
