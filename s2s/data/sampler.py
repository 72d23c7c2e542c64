"""Batch sampler: draws, with replacement, the training pairs of each step."""

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


class BatchSampler:
    """Sampler of random batches of training pairs.

    Without a pool, each batch is drawn independently. With a pool, the pairs of several batches are
    drawn together, sorted by length and cut into batches, which are used in random order. This
    saves padding, and every pair is still equally likely. But a batch then holds only pairs of
    similar length.
    """

    def __init__(self, lengths: Ints, batch_size: int, pool_batches: int, seed: list[int]) -> None:
        """Seed the sampler.

        Args:
            lengths: (pairs,) length of each training pair in tokens, by which pools are sorted.
            batch_size: Pairs per batch.
            pool_batches: Batches per pool; 0 for no pool.
            seed: Seed of numpy's default_rng.
        """
        self._lengths, self._batch_size, self._pool_batches = lengths, batch_size, pool_batches
        self._random = np.random.default_rng(seed)
        self._pool: Ints = np.empty((0, batch_size), np.int64)

    def draw_batch(self) -> Ints:
        """Return the (B,) indices of the next batch."""
        if not self._pool_batches:
            return self._draw_indices(self._batch_size)
        if not len(self._pool):
            indices = self._draw_indices(self._batch_size * self._pool_batches)
            indices = indices[np.argsort(self._lengths[indices], kind="stable")]
            self._pool = self._random.permutation(indices.reshape(-1, self._batch_size))
        batch: Ints = self._pool[0]
        self._pool = self._pool[1:]
        return batch

    def draw_bool(self, probability: float) -> bool:
        """Return True with this probability, using the random generator of the batches."""
        return bool(self._random.random() < probability)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the random generator and of the pool, ready for JSON."""
        return {**self._random.bit_generator.state, "pool": self._pool.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state. Ignore its pool if this sampler could not use it."""
        pool = np.array(state.get("pool", []), np.int64)
        in_range = bool(((pool >= 0) & (pool < len(self._lengths))).all())
        if pool.ndim == 2 and pool.shape[1] == self._batch_size and self._pool_batches and in_range:
            self._pool = pool
        self._random.bit_generator.state = {
            name: value for name, value in state.items() if name != "pool"
        }

    def _draw_indices(self, count: int) -> Ints:
        return self._random.integers(0, len(self._lengths), count)
