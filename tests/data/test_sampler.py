import itertools
import json

import numpy as np
import pytest

from s2s.data.sampler import BatchSampler

LENGTHS = np.arange(1, 101)


def drawing(pool: int, seed: int = 0, batch_size: int = 8) -> BatchSampler:
    return BatchSampler(LENGTHS, batch_size, pool, [seed, 0])


def spread(batches: list[np.ndarray]) -> float:
    return float(np.mean([np.ptp(LENGTHS[batch]) for batch in batches]))


def test_a_pool_holds_what_it_drew_in_batches_of_like_length() -> None:
    pooled = drawing(10)
    batches = [pooled.indices() for _ in range(10)]
    drawn = np.random.default_rng([0, 0]).integers(0, 100, 80)
    assert sorted(np.concatenate(batches)) == sorted(drawn)
    ends = sorted((LENGTHS[batch].min(), LENGTHS[batch].max()) for batch in batches)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(ends))


def test_batches_of_a_pool_come_in_random_order() -> None:
    pooled = drawing(50)
    means = [LENGTHS[pooled.indices()].mean() for _ in range(50)]
    assert abs(np.corrcoef(means, np.arange(50))[0, 1]) < 0.5
    assert sorted(means) != means


def test_pools_have_less_spread_of_lengths() -> None:
    plain, pooled = drawing(0), drawing(20)
    assert spread([pooled.indices() for _ in range(100)]) < 0.2 * spread(
        [plain.indices() for _ in range(100)]
    )


@pytest.mark.parametrize("pool", [0, 1, 7])
def test_every_pair_is_drawn_alike(pool: int) -> None:
    drawn = drawing(pool)
    counts = np.bincount(np.concatenate([drawn.indices() for _ in range(7 * 1000)]), minlength=100)
    assert counts.min() > 450
    assert counts.max() < 680


@pytest.mark.parametrize("pool", [0, 5])
@pytest.mark.parametrize("steps", [5, 7])
def test_a_restored_drawing_goes_on(pool: int, steps: int) -> None:
    first = drawing(pool)
    for _ in range(steps):
        first.indices()
        first.chance(0.5)
    second = drawing(pool, seed=9)
    second.restore(json.loads(json.dumps(first.state())))
    for _ in range(9):
        assert first.chance(0.5) == second.chance(0.5)
        np.testing.assert_array_equal(first.indices(), second.indices())


def test_another_batch_size_draws_anew() -> None:
    first = drawing(5)
    first.indices()
    second = drawing(5, batch_size=3)
    second.restore(first.state())
    assert len(second.indices()) == 3


def test_chances() -> None:
    drawn = drawing(0)
    assert not any(drawn.chance(0.0) for _ in range(100))
    assert all(drawn.chance(1.0) for _ in range(100))
    assert 350 < sum(drawn.chance(0.4) for _ in range(1000)) < 450
