"""The referral number 转诊号 (DOMAIN 7.2): county 6, day 8, sequence 10; insurance asks for it at settlement (B23)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from countyfhir.exchange import Resource
from countyfhir.workflow.referral.reading import NUMBER, number_of
from countyfhir.workflow.referral.table import Table
from countyfhir.workflow.situation import Situation, Verdict

TICK = 100
"""Microseconds: a day has 864,000,000 of them, so a number rises with time and leaves a digit free."""


async def numbered(request: Resource, table: Table, situation: Situation, verdict: Verdict) -> Resource:
    """The request with a number, when it has none. That nobody else has it holds at the commit too: otherwise this is
    judged again, at a later tick."""
    if number_of(request) is not None:
        return request
    taken = {number_of(one) for one in verdict.resources.values()}
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=table.data["utc_offset"], microseconds=situation.now)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    tick = (moment - midnight) // timedelta(microseconds=TICK)
    number = _number(table, moment, tick, 0)
    digit = 0
    look = situation.look
    while number in taken or await look.search("ServiceRequest", f"identifier={NUMBER}%7C{number}", bound=True):
        digit += 1
        number = _number(table, moment, tick + digit // 10, digit % 10)
    return {**request, "identifier": [*request.get("identifier", ()), {"system": NUMBER, "value": number}]}


def _number(table: Table, moment: datetime, tick: int, digit: int) -> str:
    return f"{table.data['county']}{moment:%Y%m%d}{tick:09d}{digit}"
