"""Legacy sources -> the one door: files are read, mapped, compared with the ledger, written and accounted for."""

from countyfhir.intake.desk import Desk, Progress
from countyfhir.intake.inputs import Input, Inputs, discover
from countyfhir.intake.replay import replay
from countyfhir.intake.report import FileReport, RecordOutcome, Report
from countyfhir.intake.run import run

__all__ = ["Desk", "FileReport", "Input", "Inputs", "Progress", "RecordOutcome", "Report", "discover", "replay", "run"]
