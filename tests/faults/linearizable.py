"""Whether concurrent events have an order that explains every answer and keeps what was finished before what began
later (Herlihy and Wing, 1990), decided by search with memory (Wing and Gong, 1993; Lowe, 2017)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.faults.events import NEVER, Event

State = TypeVar("State", bound=Hashable)
Step = Callable[[State, Event], State | None]
"""The state after the event, or None when the event cannot happen in this state."""


@dataclass(eq=False, slots=True)
class _Point:
    """The start or the end of an event, in a list by time."""

    place: int
    event: Event
    end: _Point | None = None  # of a start: its end
    before: _Point | None = None
    after: _Point | None = None


def stuck_at(events: Sequence[Event], start: State, step: Step[State]) -> Event | None:
    """None when there is such an order; else the event that the longest explanation could not pass."""
    head = _listed(events)
    state, taken, point = start, 0, head.after
    tried: set[tuple[int, State]] = set()
    path: list[tuple[_Point, State]] = []
    furthest, culprit = -1, events[0] if events else None
    while point is not None:
        if point.end is not None:
            following, with_it = step(state, point.event), taken | 1 << point.place
            if following is not None and (with_it, following) not in tried:
                tried.add((with_it, following))
                path.append((point, state))
                state, taken = following, with_it
                _take_out(point)
                point = head.after
            else:
                point = point.after
        elif point.event.ended == NEVER:
            return None  # what is left may or may not have happened
        else:
            if len(path) > furthest:
                furthest, culprit = len(path), point.event
            if not path:
                return culprit
            point, state = path.pop()
            taken &= ~(1 << point.place)
            _put_back(point)
            point = point.after
    return None


def _listed(events: Sequence[Event]) -> _Point:
    """Starts and ends in the order of time; at one moment starts come first, which forbids less."""
    points: list[tuple[float, int, _Point]] = []
    for place, event in enumerate(events):
        end = _Point(place, event)
        points += [(event.started, 0, _Point(place, event, end)), (event.ended, 1, end)]
    points.sort(key=lambda each: each[:2])
    last = head = _Point(-1, Event("head", 0, 0))
    for _, _, point in points:
        last.after, point.before = point, last
        last = point
    return head


def _take_out(point: _Point) -> None:
    for each in (point, point.end):
        assert each is not None
        assert each.before is not None
        each.before.after = each.after
        if each.after is not None:
            each.after.before = each.before


def _put_back(point: _Point) -> None:
    for each in (point.end, point):
        assert each is not None
        assert each.before is not None
        each.before.after = each
        if each.after is not None:
            each.after.before = each
