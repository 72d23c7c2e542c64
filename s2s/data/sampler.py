"""Which pairs a step trains on: drawn with replacement, at random or by pools of like length."""

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


class BatchSampler:
    """Endless batches of indices of training pairs."""

    def __init__(self, lengths: Ints, batch_size: int, pool_batches: int, seed: list[int]) -> None:
        """`lengths`: (pairs,) tokens of each training pair, by which a pool is sorted.

        `pool_batches`: 0 draws each batch by itself. Else so many batches are drawn at once,
        sorted by length, cut into batches of like length, and used in random order: each pair is
        drawn as often as before, but no longer beside any other, and there is less padding.
        """
        self._lengths, self._batch_size, self._pool_batches = lengths, batch_size, pool_batches
        self._random = np.random.default_rng(seed)
        self._pool: Ints = np.empty((0, batch_size), np.int64)

    def indices(self) -> Ints:
        """(B,) of the next batch."""
        if not self._pool_batches:
            return self._draw(self._batch_size)
        if not len(self._pool):
            drawn = self._draw(self._batch_size * self._pool_batches)
            drawn = drawn[np.argsort(self._lengths[drawn], kind="stable")]
            self._pool = self._random.permutation(drawn.reshape(-1, self._batch_size))
        batch: Ints = self._pool[0]
        self._pool = self._pool[1:]
        return batch

    def chance(self, share: float) -> bool:
        """True in `share` of the calls."""
        return bool(self._random.random() < share)

    def state(self) -> dict[str, Any]:
        """All that goes into the next draws, for JSON."""
        return {**self._random.bit_generator.state, "pool": self._pool.tolist()}

    def restore(self, state: dict[str, Any]) -> None:
        """The reverse. A pool of another batch size or of other pairs is left out."""
        pool = np.array(state.get("pool", []), np.int64)
        here = bool(((pool >= 0) & (pool < len(self._lengths))).all())
        if pool.ndim == 2 and pool.shape[1] == self._batch_size and self._pool_batches and here:
            self._pool = pool
        self._random.bit_generator.state = {
            name: value for name, value in state.items() if name != "pool"
        }

    def _draw(self, count: int) -> Ints:
        return self._random.integers(0, len(self._lengths), count)
