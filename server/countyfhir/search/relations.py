"""What entries of kind RELATION say: which institution may see which resident's record, and what is hidden from it.

``(RELATION, rule, 0, subject type, subject id, actor type, actor id, effect, reach, low, high, types, instance type,
instance id)``: in ``[low, high)`` (microseconds) the ``effect`` holds for the actor, on what ``reach`` says about the
subject, as far as it is of one of the ``types`` ("|Observation|Condition|", "" all) and is the instance (where one is
named). An actor is an Organization, or what belongs to one; "" is everybody.
"""

from __future__ import annotations

from dataclasses import dataclass

Target = tuple[str, str]
"""Resource type and logical id."""

ACTORS = frozenset({"Organization", "PractitionerRole", "HealthcareService", "Location", "Device"})
"""An actor that is no Organization acts for the one that its search parameter ``organization`` names."""

PERMIT, FIRM, DENY = range(3)
"""Effects. A refusal (DENY) takes away what is permitted, except what is firm."""
ITSELF, RECORD, PERSON = range(3)
"""Reach: the subject itself; what points to this Patient; what points to any Patient of the person."""

OWN = "own"
"""The rule by which an institution sees what is its own."""
AUTHOR = "author"
"""The rule by which the institution that first wrote a resource sees it. No element says so: a store keeps it for as
long as the resource is there."""


@dataclass(frozen=True, slots=True)
class Row:
    """A relation as a store keeps it, without its source."""

    rule: str
    subject: Target
    actor: Target
    effect: int
    reach: int
    low: int
    high: int
    types: str
    instance: Target

    def at(self, now: int, resource_type: str, resource: Target) -> bool:
        """Whether it is about the resource at that instant."""
        return (
            self.low <= now < self.high
            and (not self.types or f"|{resource_type}|" in self.types)
            and self.instance in (("", ""), resource)
        )
