"""The batch sampler: frequencies, pools by length, its state."""

import json

import numpy as np
import pytest

from s2s.data.sampler import BatchSampler

LENGTHS = np.arange(1, 101)


def make_sampler(pool: int, seed: int = 0, batch_size: int = 8) -> BatchSampler:
    return BatchSampler(LENGTHS, batch_size, pool, [seed, 0])


def mean_range(sampler: BatchSampler) -> float:
    """Return the mean range of lengths within a batch."""
    return float(np.mean([np.ptp(LENGTHS[sampler.draw_batch()]) for _ in range(100)]))


def test_a_pool_makes_batches_of_similar_length_in_random_order() -> None:
    assert mean_range(make_sampler(20)) < 0.2 * mean_range(make_sampler(0))
    sampler = make_sampler(50)
    means = [LENGTHS[sampler.draw_batch()].mean() for _ in range(50)]
    assert means != sorted(means)
    assert min(means[:10]) < 30
    assert max(means[:10]) > 70


@pytest.mark.parametrize("pool", [0, 7])
def test_every_pair_is_drawn_equally_often(pool: int) -> None:
    sampler = make_sampler(pool)
    batches = [sampler.draw_batch() for _ in range(7 * 1000)]
    assert np.bincount(np.concatenate(batches), minlength=100) == pytest.approx(560, rel=0.25)
    assert not any(sampler.draw_bool(0.0) for _ in range(100))
    assert all(sampler.draw_bool(1.0) for _ in range(100))
    assert 350 < sum(sampler.draw_bool(0.4) for _ in range(1000)) < 450


@pytest.mark.parametrize(("pool", "steps"), [(0, 3), (5, 3), (5, 5)])
def test_a_restored_sampler_continues(pool: int, steps: int) -> None:
    first = make_sampler(pool)
    for _ in range(steps):
        first.draw_batch()
        first.draw_bool(0.5)
    state = json.loads(json.dumps(first.state_dict()))
    second, other = make_sampler(pool, seed=9), make_sampler(pool, batch_size=3)
    for sampler in (second, other):
        sampler.load_state_dict(state)
    for _ in range(12):
        assert first.draw_bool(0.5) == second.draw_bool(0.5)
        np.testing.assert_array_equal(first.draw_batch(), second.draw_batch())
    assert len(other.draw_batch()) == 3  # a pool of another batch size is dropped
