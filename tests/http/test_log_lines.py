"""Logs tell what happened and where, and nothing of a patient."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from countyfhir.http.log_lines import Lines, Text, configuration


def record(message: str = "unexpected", **extra: object) -> logging.LogRecord:
    """A record of an exception whose message holds a name."""
    try:
        raise ValueError("Wang Guifang")
    except ValueError:
        made = logging.LogRecord("countyfhir.http", logging.ERROR, __file__, 1, message, (), sys.exc_info())
    made.__dict__.update(extra)
    return made


@pytest.mark.parametrize("formatter", [Text(), Lines()])
def test_an_exception_is_its_type_and_its_places(formatter: logging.Formatter) -> None:
    """Its message is not written."""
    line = formatter.format(record())
    assert "Wang" not in line
    assert "ValueError" in line
    assert "test_log_lines.py" in line


def test_a_line_for_machines_is_one_object() -> None:
    """It names time, level, logger, message and the request."""
    line = json.loads(Lines().format(record("a message of\ntwo lines", request_id="r-1")))
    assert line["time"].endswith("+00:00")
    assert (line["level"], line["logger"], line["request"]) == ("error", "countyfhir.http", "r-1")
    assert line["message"] == "a message of\ntwo lines"


def test_libraries_are_heard_from_warnings_on() -> None:
    """Their lower levels tell addresses that were asked for."""
    made = configuration("debug", "json")
    assert made["root"]["level"] == logging.WARNING
    assert made["loggers"]["countyfhir"] == {"level": "DEBUG"}
