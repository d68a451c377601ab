"""Drawing values from a seed: the shape of Hypothesis' strategies at a hundredth of their price.

Hypothesis draws which resources and searches there are, each with a seed, and so shrinks a failure to the few that
matter; what stands inside each is drawn here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Strategy(Generic[T]):
    """Something that can be drawn; ``|`` draws from one of two or more."""

    def __init__(self, draw: Callable[[Random], T], options: tuple[Strategy[Any], ...] = ()) -> None:
        self.draw, self._options = draw, options or (self,)

    def __or__(self, other: Strategy[Any]) -> Strategy[Any]:
        options = (*self._options, *other._options)
        return Strategy(lambda random: random.choice(options).draw(random), options)

    def filter(self, allowed: Callable[[T], Any]) -> Strategy[T]:
        def draw(random: Random) -> T:
            while not allowed(value := self.draw(random)):
                pass
            return value

        return Strategy(draw)


DrawFn = Callable[[Strategy[Any]], Any]


def sampled_from(values: Sequence[T]) -> Strategy[T]:
    return Strategy(lambda random: random.choice(values))


def just(value: T) -> Strategy[T]:
    return Strategy(lambda random: value)


def none() -> Strategy[None]:
    return just(None)


def booleans() -> Strategy[bool]:
    return sampled_from((True, False))


def integers(low: int, high: int) -> Strategy[int]:
    return Strategy(lambda random: random.randint(low, high))


def lists(values: Strategy[T], *, min_size: int = 0, max_size: int, unique: bool = False) -> Strategy[list[T]]:
    def draw(random: Random) -> list[T]:
        found = [values.draw(random) for _ in range(random.randint(min_size, max_size))]
        return list(dict.fromkeys(found)) if unique else found  # type: ignore[arg-type]

    return Strategy(draw)


def builds(make: Callable[..., T], *parts: Strategy[Any]) -> Strategy[T]:
    return Strategy(lambda random: make(*(part.draw(random) for part in parts)))


def composite(function: Callable[..., T]) -> Callable[..., Strategy[T]]:
    """A strategy from a function whose first argument draws."""

    def make(*arguments: Any) -> Strategy[T]:
        return Strategy(lambda random: function(lambda strategy: strategy.draw(random), *arguments))

    return make
