"""Log lines for people or for machines. An exception is logged as its type and the places it passed: its message may
hold a patient's data, so that is never written."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

PEOPLE = "%(asctime)s %(levelname)-7s %(message)s"
QUIET = logging.WARNING
"""Least severity of libraries, whose lower levels tell addresses that were asked for."""


def places(error: BaseException) -> str:
    """Where an exception came from, innermost place first: files, lines and functions, no values."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    return " < ".join(f"{_file(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames)


def _file(name: str) -> str:
    return name.rpartition("countyfhir/")[2].rpartition("site-packages/")[2]


class Text(logging.Formatter):
    """A line for people."""

    def __init__(self) -> None:
        super().__init__(PEOPLE)

    def formatException(self, ei: Raised) -> str:  # noqa: N802 - logging's own name
        """The type and the places."""
        return "" if ei[1] is None else f"{type(ei[1]).__name__}: {places(ei[1])}"


class Lines(Text):
    """A JSON object a line: time, level, logger, message; request and places of an error where there are any."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := getattr(record, "request_id", None):
            line["request"] = request
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configuration(level: str, form: str) -> Mapping[str, Any]:
    """For ``logging.config.dictConfig``: lines of the ``form`` (text or json) from ``level`` on, to standard error."""
    own = {"level": level.upper()}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"text": {"()": Text}, "json": {"()": Lines}},
        "handlers": {"lines": {"class": "logging.StreamHandler", "formatter": form, "stream": "ext://sys.stderr"}},
        "root": {"level": QUIET, "handlers": ["lines"]},
        "loggers": {"countyfhir": own, "uvicorn": own},
    }
