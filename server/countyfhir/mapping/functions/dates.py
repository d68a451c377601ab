"""Dates and times in declared formats, partial precision kept (R4 2.24.0.1 date, dateTime; dirt M07, M08)."""

from __future__ import annotations

import re
from datetime import date as calendar_date
from datetime import datetime, timedelta
from datetime import time as clock
from functools import lru_cache
from typing import Any

from countyfhir.mapping.finding import HeldBack, Noted
from countyfhir.mapping.functions.function import Function
from countyfhir.mapping.functions.text import narrow

YEAR_FIRST = (
    "yyyy-M-d",
    "yyyy/M/d",
    "yyyy.M.d",
    "yyyy年M月d日",
    "yyyyMMdd",
    "yyyy-M",
    "yyyy/M",
    "yyyy.M",
    "yyyy年M月",
    "yyyy年",
    "yyyy",
)
CLOCKS = ("", "THH:mm:ss", "TH:mm:ss", "TH:mm", "THHmmss", "TH时mm分")
LETTERS = {
    "yyyy": r"(?P<year>\d{4})",
    "MM": r"(?P<month>\d{2})",
    "M": r"(?P<month>\d{1,2})",
    "dd": r"(?P<day>\d{2})",
    "d": r"(?P<day>\d{1,2})",
    "HH": r"(?P<hour>\d{2})",
    "H": r"(?P<hour>\d{1,2})",
    "mm": r"(?P<minute>\d{1,2})",
    "ss": r"(?P<second>\d{1,2})(?:\.\d+)?",
    "T": r"(?:\s+|T)",
}
COMPACT_LETTERS = {**LETTERS, "mm": r"(?P<minute>\d{2})", "ss": r"(?P<second>\d{2})(?:\.\d+)?"}
SERIAL = "serial"
"""A declared format: the number by which a spreadsheet keeps a date (days since 1899-12-30)."""
SERIAL_NUMBER = re.compile(r"\d{1,6}(?:\.\d+)?")
SERIAL_ZERO, SERIAL_LAST = datetime.fromisoformat("1899-12-30"), 2_958_465
SENTINELS = frozenset({"1900-01-01", "2099-12-31", "9999-12-31", "1899-12-30"})
AGE = re.compile(
    r"^约?(?:\d{1,3}|[一二三四五六七八九十百]{1,4})\s*(?:周?岁半?|个?月|天|日龄)(?:\d{1,2}\s*(?:个?月|天))?(?:左右|余)?$"
    r"|^\d{1,2}/(?:12|30)$"
)
YEARS_OR_LUNAR = re.compile(r"^\d{1,3}$|^(?:农历|阴历).+$")
"""What else stands for a birth date and is none: bare years of age, a birthday of the lunar calendar."""
CHARACTERS = re.compile(r"\s*([年月日号时点分秒])\s*")
UNKNOWN = frozenset({"不详", "未知", "不明", "不清", "不记得", "未填"})


@lru_cache(maxsize=256)
def pattern(formats: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Formats of the letters yyyy M MM d dd H HH mm ss and T (blank or 'T') as regular expressions."""
    letters = re.compile("|".join(sorted(LETTERS, key=len, reverse=True)))

    def compiled(form: str) -> re.Pattern[str]:
        if form.startswith("yyyyMMddHH"):  # nothing parts the figures: each has its place
            return re.compile("".join(COMPACT_LETTERS[one] for one in letters.findall(form)) + r"\Z")
        parts, at = [], 0
        for match in letters.finditer(form):
            parts += [re.escape(form[at : match.start()]), LETTERS[match[0]]]
            at = match.end()
        return re.compile("".join(parts) + re.escape(form[at:]) + r"\Z")

    return tuple(compiled(form) for form in formats if form != SERIAL)


COMPACT = ("yyyyMMddHHmmss", "yyyyMMddHHmm")
"""As in messages (HL7 v2 TS) and in the views of regional platforms."""
DATES_WITH_CLOCK = tuple(f"{day}{clock}" for day in YEAR_FIRST[:5] for clock in CLOCKS) + COMPACT + YEAR_FIRST[5:]
OFFSET = re.compile(
    r"(?<=\d{8})(?P<clock>\d{4}(?:\d{2}(?:\.\d+)?)?)(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>\d{2})$"
)
"""A message may say its own zone behind the clock: 20250301093000+0800."""


def read(value: Any, formats: tuple[str, ...]) -> dict[str, int]:
    """The parts of a date by the first format that fits; HeldBack M07 when none does or the calendar has no such
    day."""
    plain = narrow(value)
    if "年" in plain:
        plain = in_usual_characters(plain)
    if SERIAL in formats and SERIAL_NUMBER.fullmatch(plain):
        return of_serial(plain)
    for expected in pattern(formats):
        if match := expected.match(plain):
            parts = {part: int(digits) for part, digits in match.groupdict().items() if digits}
            check_calendar(parts)
            return parts
    raise HeldBack("M07")


def of_serial(plain: str) -> dict[str, int]:
    """The day of a spreadsheet's number, and the clock of its fraction; HeldBack M07 beyond what one can be."""
    days = float(plain)
    if not 1 <= days <= SERIAL_LAST:
        raise HeldBack("M07")
    moment = SERIAL_ZERO + timedelta(seconds=round(days * 86_400))
    parts = {"year": moment.year, "month": moment.month, "day": moment.day}
    if "." not in plain:
        return parts
    return parts | {"hour": moment.hour, "minute": moment.minute, "second": moment.second}


def in_usual_characters(plain: str) -> str:
    """2024 年 3 月 5 日 9 时 3 分 as 2024年3月5日 9:3."""
    close = CHARACTERS.sub(r"\1", plain).replace("号", "日").replace("点", "时").replace("日", "日 ").strip()
    close = re.sub(r"(\d)时(\d+)分?(?:(\d+)秒)?$", lambda found: ":".join(filter(None, found.groups())), close)
    return re.sub(r"(月\d{1,2})$", r"\1日", re.sub(r"(\d)时$", r"\1:00", close))


def check_calendar(parts: dict[str, int]) -> None:
    try:
        calendar_date(parts["year"], parts.get("month", 1), parts.get("day", 1))
        clock(parts.get("hour", 0), parts.get("minute", 0), parts.get("second", 0))
    except ValueError as error:
        raise HeldBack("M07") from error


def as_date(parts: dict[str, int]) -> str:
    """FHIR date at the precision that is there."""
    text = f"{parts['year']:04}"
    for part in ("month", "day"):
        if part not in parts:
            break
        text += f"-{parts[part]:02}"
    return text


def declared(formats: tuple[str, ...]) -> tuple[str, ...]:
    """The declared formats, else those of the year first; ``serial`` alone joins these."""
    return formats if any(one != SERIAL for one in formats) else (*DATES_WITH_CLOCK, *formats)


def date(value: Any, *formats: str) -> Any:
    """A FHIR date (year, month or day); year-first formats unless others are declared. M07s: a placeholder is
    absent."""
    found = as_date(read(value, declared(formats)))
    return Noted(None, "M07s") if found in SENTINELS else found


def date_time(value: Any, *formats: str, zone: str = "+08:00") -> Any:
    """A FHIR dateTime in the source's zone, or the one it says itself; without a clock a date. A clock without seconds
    counts as second 0."""
    plain = narrow(value)
    if own := OFFSET.search(plain):
        plain, zone = plain[: own.start("sign")], f"{own['sign']}{own['hours']}:{own['minutes']}"
    parts = read(plain, declared(formats))
    day = as_date(parts)
    if day in SENTINELS:
        return Noted(None, "M07s")
    if "hour" not in parts:
        return day
    return f"{day}T{parts['hour']:02}:{parts.get('minute', 0):02}:{parts.get('second', 0):02}{zone}"


def birth_date(value: Any, *formats: str) -> Any:
    """``date`` and, where no date can be stated, the ``text``: M07s a placeholder, M08 an age."""
    plain = narrow(value)
    if AGE.match(plain) or YEARS_OR_LUNAR.match(plain):
        return Noted({"text": plain}, "M08")
    if plain in UNKNOWN:
        return Noted({"text": plain}, "M07s")
    found = as_date(read(plain, declared(formats)))
    return Noted({"text": plain}, "M07s") if found in SENTINELS else {"date": found}


def day(value: Any) -> str:
    """The day of a date or dateTime."""
    return str(value)[:10]


def instant(value: Any) -> str | None:
    """A FHIR instant; absent when the dateTime has no clock."""
    return str(value) if len(str(value)) > len("yyyy-MM-dd") else None


FUNCTIONS = (
    Function("date", date, "a FHIR date, partial precision kept (M07)", (1, 8)),
    Function("date_time", date_time, "a FHIR dateTime in the zone of the source (M07)", (1, 8), zoned=True),
    Function("birth_date", birth_date, "date, or text when it is an age or a placeholder (M07s, M08)", (1, 8)),
    Function("instant", instant, "the dateTime where it has a clock, as FHIR's instant needs"),
    Function("day", day, "the day of a dateTime"),
)
