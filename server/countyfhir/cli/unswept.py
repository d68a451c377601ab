"""Looking for garbage less: loading modules makes none, and looking takes a tenth of a start; work on thousands of
records makes little that stays in circles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unswept() -> Iterator[None]:
    """No garbage collection while it lasts."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


SELDOM = (500_000, 10, 10)
"""Objects between two looks, where Python's own limit is 700: more than a batch of records holds, so that what lives no
longer than it is never gone through."""


@contextmanager
def seldom_swept() -> Iterator[None]:
    """Garbage collection after many more objects than usual."""
    usual = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
