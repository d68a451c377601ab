"""Profiles: snapshots from differentials, and checks compiled from snapshots (R4 sections 5.1 and 5.3)."""

from countyfhir.validation.profiles.registry import Profiles
from countyfhir.validation.profiles.snapshot import NoSnapshot, snapshot

__all__ = ["NoSnapshot", "Profiles", "snapshot"]
