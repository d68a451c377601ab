"""$apply of PlanDefinition and ActivityDefinition: definitions turned into a plan or a request for one subject (R4
section 12.18; OperationDefinitions PlanDefinition-apply and ActivityDefinition-apply)."""

from countyfhir.operations.apply.operation import apply_activity, apply_plan

__all__ = ["apply_activity", "apply_plan"]
