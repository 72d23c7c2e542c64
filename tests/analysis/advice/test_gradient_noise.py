"""The noise scale by hand, under a change of unit, and on gradients whose truth is known."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.analysis.advice.gradient_noise import NoiseScale, RunNoise, estimate_noise_scale
from s2s.analysis.estimate import Estimate
from s2s.analysis.run.steps import Floats

# Two pairs of gradients of single samples, (3, 0) with (1, 0) and (2, 0) with (2, 2): their
# products 3 and 4 are |G|^2 without bias, and the sums of their variances are 2 and 2.
SMALL, BIG = [[9.0, 1.0], [4.0, 8.0]], [4.0, 5.0]
STUDENTS_T = 6.313752  # one degree of freedom, 5% above
EVEN, STEEP = np.ones(100), 1 / np.arange(1, 101)


def study(seed: int, critical: float, spectrum: Floats) -> Estimate | None:
    """The scale from 10 big batches of 128 in small ones of 4, by normal gradients with trace 1."""
    random = np.random.default_rng(seed)
    direction = random.standard_normal(len(spectrum))
    gradient = direction / np.linalg.norm(direction) / math.sqrt(critical)
    noise = random.standard_normal((10, 32, len(spectrum))) * np.sqrt(spectrum / spectrum.sum() / 4)
    small = gradient + noise
    return estimate_noise_scale((small**2).sum(2), (small.mean(1) ** 2).sum(1), 4, 128).batch_size


def test_by_hand() -> None:
    scale = estimate_noise_scale(SMALL, BIG, 1, 2)
    half = STUDENTS_T * 0.5  # the standard error of the mean of 3 and 4
    assert scale.squared_gradient.value == 3.5
    assert scale.squared_gradient.ends == pytest.approx((3.5 - half, 3.5 + half), rel=1e-6)
    assert scale.covariance_trace == Estimate(2.0, 2.0, 2.0)
    # A ratio of averages; the average of 2/3 and 2/4 is another number.
    assert scale.batch_size.value == pytest.approx(2 / 3.5)
    factor = math.exp(half / 3.5)  # by the delta method
    assert scale.batch_size.ends == pytest.approx((2 / 3.5 / factor, 2 / 3.5 * factor), rel=1e-6)
    assert estimate_noise_scale([5.0, 6.0], BIG, 1, 2) == scale  # one mean per pair
    assert estimate_noise_scale([4.0, 4.0], [4.0, 4.0], 1, 8).batch_size is None  # no noise


@given(st.floats(0.1, 100), st.floats(0.1, 100), st.integers(1, 64), st.integers(2, 64))
def test_exact_norms_recover_both_terms(
    gradient: float, trace: float, small_batch: int, times: int
) -> None:
    sizes = small_batch, small_batch * times
    small, big = (np.full(2, gradient + trace / size) for size in sizes)
    for unit in (1, 7):  # both terms change alike in another unit of the loss
        scale = estimate_noise_scale(unit * small, unit * big, *sizes)
        assert scale.squared_gradient.value == pytest.approx(unit * gradient, rel=1e-6)
        assert scale.covariance_trace.value == pytest.approx(unit * trace, rel=1e-6)
        assert scale.batch_size.value == pytest.approx(trace / gradient, rel=1e-6)


LONG = [
    pytest.param(*each, marks=pytest.mark.long) for each in ((30, EVEN), (100, EVEN), (30, STEEP))
]


@pytest.mark.parametrize(("critical", "spectrum"), [(100, STEEP), *LONG])
def test_the_interval_covers_a_known_scale(critical: float, spectrum: Floats) -> None:
    scales = [study(seed, critical, spectrum) for seed in range(100)]
    assert 80 <= sum(each.ends[0] <= critical <= each.ends[1] for each in scales) <= 98
    # An interval that covers everything proves nothing.
    assert np.median([each.ends[1] / each.ends[0] for each in scales]) < 1.6
    assert np.median([each.value for each in scales]) == pytest.approx(critical, rel=0.05)


def test_noise_alone_is_not_identifiable() -> None:
    assert sum(study(seed, 1e9, EVEN) is None for seed in range(100)) >= 90


@pytest.mark.parametrize("scale", [Estimate(40.0, 30.0, 50.0), None])
def test_a_round_trip_through_json(scale: Estimate | None) -> None:
    one = Estimate(1.0, 0.9, 1.1)
    noise = RunNoise(7, 1200, 960, 32, 96, NoiseScale(one, one, scale))
    assert RunNoise.from_json(json.loads(json.dumps(dataclasses.asdict(noise)))) == noise
