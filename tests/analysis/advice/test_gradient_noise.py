"""The noise scale by hand, under a change of unit, and on gradients whose truth is known."""

import dataclasses
import json
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.analysis.advice.gradient_noise import (
    Agreement,
    NoiseScale,
    RunNoise,
    compare_with_critical_size,
    estimate_noise_scale,
)
from s2s.analysis.estimate import Estimate

# Two pairs of gradients of single samples, (3, 0) with (1, 0) and (2, 0) with (2, 2): their
# products 3 and 4 are |G|^2 without bias, and the sums of their variances are 2 and 2.
SMALL, BIG = [[9.0, 1.0], [4.0, 8.0]], [4.0, 5.0]
STUDENTS_T = 6.313752  # one degree of freedom, 5% above
SPECTRA = {"even": np.ones(100), "steep": 1 / np.arange(1, 101)}


def study(seed: int, critical: float, spectrum: npt.NDArray[np.float64]) -> NoiseScale:
    """10 big batches of 128 in small ones of 4, from normal gradients with tr(Sigma) = 1."""
    random = np.random.default_rng(seed)
    variances = spectrum / spectrum.sum()
    direction = random.standard_normal(len(spectrum))
    gradient = direction / np.linalg.norm(direction) / math.sqrt(critical)
    noise = random.standard_normal((10, 32, len(spectrum))) * np.sqrt(variances / 4)
    small = gradient + noise
    return estimate_noise_scale((small**2).sum(2), (small.mean(1) ** 2).sum(1), 4, 128)


def test_by_hand() -> None:
    scale = estimate_noise_scale(SMALL, BIG, 1, 2)
    half = STUDENTS_T * 0.5  # the standard error of the mean of 3 and 4
    assert scale.squared_gradient.value == 3.5
    assert scale.squared_gradient.ends == pytest.approx((3.5 - half, 3.5 + half), rel=1e-6)
    assert scale.covariance_trace == Estimate(2.0, 2.0, 2.0)
    assert scale.batch_size is not None
    # A ratio of averages; the average of 2/3 and 2/4 is another number.
    assert scale.batch_size.value == pytest.approx(2 / 3.5)
    factor = math.exp(half / 3.5)  # by the delta method
    assert scale.batch_size.ends == pytest.approx((2 / 3.5 / factor, 2 / 3.5 * factor), rel=1e-6)
    assert estimate_noise_scale([5.0, 6.0], BIG, 1, 2) == scale  # one mean per pair


def test_gradients_without_noise_have_no_scale() -> None:
    scale = estimate_noise_scale([4.0, 4.0], [4.0, 4.0], 1, 8)
    assert (scale.squared_gradient.value, scale.covariance_trace.value) == (4.0, 0.0)
    assert scale.batch_size is None


@pytest.mark.parametrize(
    "arguments", [([1.0], [1.0], 1, 2), (SMALL, BIG, 2, 2), (SMALL, BIG, 0, 2)]
)
def test_bad_batches_are_refused(arguments: tuple[list[float], list[float], int, int]) -> None:
    with pytest.raises(ValueError, match="two pairs"):
        estimate_noise_scale(*arguments)


norms = st.floats(0.01, 100)


@given(
    st.lists(st.tuples(norms, norms), min_size=2, max_size=12),
    st.integers(1, 64),
    st.integers(2, 64),
    st.floats(1e-3, 1e3),
)
def test_the_unit_of_the_loss_does_not_matter(
    pairs: list[tuple[float, float]], small_batch: int, times: int, factor: float
) -> None:
    """All gradients times a factor: both terms times its square, their ratio as it was."""
    small, big = np.transpose(pairs)
    before = estimate_noise_scale(small, big, small_batch, small_batch * times)
    after = estimate_noise_scale(
        small * factor**2, big * factor**2, small_batch, small_batch * times
    )
    # Equal norms leave a difference that is their rounding, which grows with the batch.
    rounding = 1e-12 * max(small.max(), big.max()) * small_batch * times
    for name in ("squared_gradient", "covariance_trace"):
        one, other = getattr(before, name), getattr(after, name)
        size = (1e-9 * (abs(one.low) + abs(one.high)) + rounding) * factor**2
        assert other.value == pytest.approx(one.value * factor**2, rel=1e-9, abs=size)
        assert other.low == pytest.approx(one.low * factor**2, rel=1e-9, abs=size)
    least = min(before.squared_gradient.ends[0], before.covariance_trace.ends[0])
    if before.batch_size and after.batch_size and least > 1e7 * rounding:
        assert after.batch_size.value == pytest.approx(before.batch_size.value, rel=1e-6)
        assert after.batch_size.ends == pytest.approx(before.batch_size.ends, rel=1e-6)


@given(st.floats(0.1, 100), st.floats(0.1, 100), st.integers(1, 64), st.integers(2, 64))
def test_exact_norms_recover_both_terms(
    gradient: float, trace: float, small_batch: int, times: int
) -> None:
    big_batch = small_batch * times
    small, big = (gradient + trace / batch for batch in (small_batch, big_batch))
    scale = estimate_noise_scale([small, small], [big, big], small_batch, big_batch)
    assert scale.squared_gradient.value == pytest.approx(gradient, rel=1e-6)
    assert scale.covariance_trace.value == pytest.approx(trace, rel=1e-6)
    assert scale.batch_size is not None
    assert scale.batch_size.value == pytest.approx(trace / gradient, rel=1e-6)


@pytest.mark.parametrize(
    ("critical", "spectrum"),
    [
        (100.0, "steep"),
        pytest.param(30.0, "even", marks=pytest.mark.long),
        pytest.param(100.0, "even", marks=pytest.mark.long),
        pytest.param(30.0, "steep", marks=pytest.mark.long),
    ],
)
def test_the_interval_covers_a_known_scale(critical: float, spectrum: str) -> None:
    scales = [study(seed, critical, SPECTRA[spectrum]).batch_size for seed in range(100)]
    intervals = [scale for scale in scales if scale is not None]
    assert len(intervals) == 100
    assert 80 <= sum(each.ends[0] <= critical <= each.ends[1] for each in intervals) <= 98
    # One that covers everything proves nothing.
    assert np.median([each.ends[1] / each.ends[0] for each in intervals]) < 1.6
    assert np.median([each.value for each in intervals]) == pytest.approx(critical, rel=0.05)


@pytest.mark.parametrize("spectrum", ["even", pytest.param("steep", marks=pytest.mark.long)])
def test_noise_alone_is_not_identifiable(spectrum: str) -> None:
    scales = [study(seed, 1e9, SPECTRA[spectrum]).batch_size for seed in range(100)]
    assert sum(scale is None for scale in scales) >= 90


@pytest.mark.parametrize(
    ("scale", "critical", "agreement"),
    [
        (Estimate(312.0, 250.0, 390.0), Estimate(280.0, 200.0, 255.0), Agreement.AGREES),
        (Estimate(8.0, 6.0, 12.0), Estimate(1e9, 6.0, math.inf), Agreement.AGREES),
        (Estimate(12_345.0, 9_000.0, 15_000.0), Estimate(30.0, 20.0, 40.0), Agreement.DISAGREES),
        (Estimate(4.0, 3.0, 5.0), Estimate(10.0, 6.0, None), Agreement.DISAGREES),
        (Estimate(8.0, 6.0, 12.0), Estimate(1e-9, None, 5.0), Agreement.DISAGREES),
        (Estimate(8.0, 6.0, 12.0), Estimate(1e9), Agreement.NO_CRITICAL_SIZE),
        (None, Estimate(30.0, 20.0, 40.0), Agreement.NO_NOISE_SCALE),
    ],
)
def test_agreement_is_overlap(
    scale: Estimate | None, critical: Estimate, agreement: Agreement
) -> None:
    assert compare_with_critical_size(scale, critical) is agreement


@pytest.mark.parametrize("scale", [Estimate(40.0, 30.0, 50.0), None])
def test_a_round_trip_through_json(scale: Estimate | None) -> None:
    one = Estimate(1.0, 0.9, 1.1)
    noise = RunNoise(7, 1200, 960, 32, 96, NoiseScale(one, one, scale))
    assert RunNoise.from_json(json.loads(json.dumps(dataclasses.asdict(noise)))) == noise
