"""$extract of a QuestionnaireResponse: the resources that its answers tell of (SDC: form data extraction)."""

from countyfhir.operations.extract.operation import extract

__all__ = ["extract"]
