"""Legacy sources -> the one door: files are read, mapped, compared with the ledger, written and accounted for."""

from countyfhir.intake.inputs import Input, Inputs, discover
from countyfhir.intake.report import FileReport, RecordOutcome, Report
from countyfhir.intake.run import Desk, Progress, replay, run

__all__ = ["Desk", "FileReport", "Input", "Inputs", "Progress", "RecordOutcome", "Report", "discover", "replay", "run"]
