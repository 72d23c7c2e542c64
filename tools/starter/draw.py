"""Weighted random choice from tables, with a seed."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

# Weights are rank ** -FALL. Dropping repeated sentences flattens the exponent to about 1.
_FALL = 1.4
T = TypeVar("T")


class Table(Generic[T]):
    """Items with weights; by default the first item is the most frequent."""

    def __init__(self, items: Iterable[T], weights: Sequence[float] | None = None) -> None:
        self.items = tuple(items)
        values = weights or [rank**-_FALL for rank in range(1, len(self.items) + 1)]
        self.bounds = tuple(accumulate(values))
        self.total = self.bounds[-1]

    def draw(self, rng: Random) -> T:
        """Return one of the items, at random."""
        # Only Random.random is used: its stream is the same in every Python version.
        return self.items[bisect_right(self.bounds, rng.random() * self.total)]


def weighted(*rows: tuple[float, T]) -> Table[T]:
    """Return a table of (weight, item) rows."""
    return Table([item for _, item in rows], [weight for weight, _ in rows])


@cache
def ranked(items: tuple[T, ...]) -> Table[T]:
    """Return a table of items, the most frequent first; cached."""
    return Table(items)


def evenly(items: Sequence[T]) -> Table[T]:
    """Return a table whose items are equally frequent."""
    return Table(items, [1.0] * len(items))
