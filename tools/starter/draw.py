"""Seeded drawing: tables of things of which the first, or the weightiest, come most often."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

# Words are drawn as rank ** -FALL. Leaving out repeated sentences flattens the fall to about 1.
_FALL = 1.4
T = TypeVar("T")


class Table(Generic[T]):
    """Things to draw from: the first most often, by weights given or falling by rank."""

    def __init__(self, items: Iterable[T], weights: Sequence[float] | None = None) -> None:
        self.items = tuple(items)
        given = weights or [rank**-_FALL for rank in range(1, len(self.items) + 1)]
        self.bounds = tuple(accumulate(given))
        self.total = self.bounds[-1]

    def draw(self, rng: Random) -> T:
        """One of the things, at random."""
        # Random.random is the only draw made: its stream is the same in every Python.
        return self.items[bisect_right(self.bounds, rng.random() * self.total)]


def weighted(*rows: tuple[float, T]) -> Table[T]:
    """A table from (weight, thing) rows."""
    return Table([thing for _, thing in rows], [weight for weight, _ in rows])


@cache
def ranked(items: tuple[T, ...]) -> Table[T]:
    """A table of things whose first is commonest, made once."""
    return Table(items)


def evenly(items: Sequence[T]) -> Table[T]:
    """A table that draws all its things equally often."""
    return Table(items, [1.0] * len(items))
