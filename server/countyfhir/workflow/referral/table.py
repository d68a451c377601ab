"""The rules of referral as data: ``profiles/rules/referral.yaml``, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from countyfhir.workflow.situation import Tables

HOUR = 3_600_000_000
"""Microseconds."""
NAMES: Mapping[str, str] = {
    "draft": "草稿", "awaiting-consent": "待征求患方意见", "awaiting-stamp": "待内审", "sent": "待受理",
    "received": "已签收", "awaiting-information": "资料待补充", "accepted": "已接受", "scheduled": "已预约",
    "no-show": "未到诊", "appointment-cancelled": "预约取消", "arrived": "已到达/在诊", "interim": "中期反馈",
    "cancel-requested": "撤回申请中", "cancelled": "已撤销", "rejected": "已拒绝", "returning": "回转单已开",
    "completed": "已完成", "closed": "已关闭", "error": "误录",
}  # fmt: skip
"""The states in Chinese, as ``terminology/code-systems/referral.yaml`` has them, short."""
ACTIVE = ("sent", "received", "awaiting-information", "accepted", "scheduled", "no-show", "appointment-cancelled")
IN_CARE = ("arrived", "interim", "returning")


@dataclass(frozen=True, slots=True)
class Step:
    """What it takes to enter a state."""

    state: str
    task: str
    request: str
    side: str
    parts: tuple[str, ...] = ()
    guards: tuple[str, ...] = ()
    system: bool = False
    stamp: bool = False
    reason: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """The content of the file, and the steps by direction."""

    data: Mapping[str, Any]
    steps: Mapping[tuple[str, str], Step] = field(default_factory=dict)

    def step(self, state: str, direction: str | None) -> Step:
        """How a state is entered by a referral of a direction."""
        return self.steps[(state, direction if direction == "down" else "up")]

    def legal(self, state: str, before: str | None, emergency: bool) -> list[str]:
        """The states that may follow; ``before``: the one from which cancellation was asked for."""
        following: list[str] = self.data["transitions"][state]
        found = [before if one == "before" else one for one in following]
        further = self.data["emergency_transitions"].get(state, ()) if emergency else ()
        return [one for one in dict.fromkeys([*found, *further]) if one is not None]

    def beginnings(self, emergency: bool) -> list[str]:
        """The states in which a referral may begin."""
        return [*self.data["beginnings"], *(self.data["emergency_beginnings"] if emergency else ())]

    def ended(self, state: str | None) -> bool:
        """Whether nothing follows the state."""
        return state is not None and not self.data["transitions"][state]

    def hours(self, state: str, priority: str) -> tuple[float, float, float | None] | None:
        """Hours to the warning, to overdue, and to closing (or None) after the entry of a state."""
        limit = self.data["limits"].get(state)
        if limit is None:
            return None
        overdue = limit["overdue"]
        if isinstance(overdue, dict):
            overdue = overdue.get(priority, overdue["routine"])
        warning = limit.get("warning_hours") or overdue * limit["warning"]
        return warning, overdue, limit.get("close")


_TABLES: dict[int, Table] = {}


def table_of(tables: Tables) -> Table:
    """The rules as they are in use."""
    data = tables.table("referral")
    known = _TABLES.get(id(data))
    if known is None or known.data is not data:
        known = _TABLES[id(data)] = Table(data, _steps(data))
    return known


def _steps(data: Mapping[str, Any]) -> dict[tuple[str, str], Step]:
    found = {}
    for state, rule in data["states"].items():
        for direction in ("up", "down"):
            own: dict[str, Any] = {name: value for name, value in rule.items() if name != "down"}
            own |= rule.get("down", {}) if direction == "down" else {}
            own |= {name: tuple(own.get(name, ())) for name in ("parts", "guards")}
            found[(state, direction)] = Step(state=state, **own)
    return found


def told(states: list[str]) -> str:
    """States for people: codes with their Chinese names."""
    return ", ".join(f"{one} {NAMES[one]}" for one in states) or "none 无"
