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
    NoiseScale,
    RunNoise,
    agreement,
    noise_scale,
    noise_scale_text,
    noise_sentence,
)
from s2s.analysis.estimate import Estimate

# Two pairs of gradients of single samples, (3, 0) with (1, 0) and (2, 0) with (2, 2): their
# products 3 and 4 are |G|^2 without bias, and the sums of their variances are 2 and 2.
SMALL, BIG = [[9.0, 1.0], [4.0, 8.0]], [4.0, 5.0]
STUDENTS_T = 6.313752  # one degree of freedom, 5 % above


def study(seed: int, critical: float, spectrum: npt.NDArray[np.float64]) -> NoiseScale:
    """10 big batches of 128 in small ones of 4, from normal gradients with tr(Sigma) = 1."""
    random = np.random.default_rng(seed)
    variances = spectrum / spectrum.sum()
    direction = random.standard_normal(len(spectrum))
    gradient = direction / np.linalg.norm(direction) / math.sqrt(critical)
    noise = random.standard_normal((10, 32, len(spectrum))) * np.sqrt(variances / 4)
    small = gradient + noise
    return noise_scale((small**2).sum(2), (small.mean(1) ** 2).sum(1), 4, 128)


SPECTRA = [np.ones(100), 1 / np.arange(1, 101)]


def test_by_hand() -> None:
    found = noise_scale(SMALL, BIG, 1, 2)
    assert found.squared_gradient.value == 3.5
    reach = STUDENTS_T * 0.5  # the standard error of the mean of 3 and 4
    assert found.squared_gradient.low == pytest.approx(3.5 - reach, rel=1e-6)
    assert found.squared_gradient.high == pytest.approx(3.5 + reach, rel=1e-6)
    assert found.covariance_trace == Estimate(2.0, 2.0, 2.0)
    assert found.batch_size is not None
    # A ratio of averages; the average of 2/3 and 2/4 is another number.
    assert found.batch_size.value == pytest.approx(2 / 3.5)
    by_delta = math.exp(reach / 3.5)
    assert found.batch_size.low == pytest.approx(2 / 3.5 / by_delta, rel=1e-6)
    assert found.batch_size.high == pytest.approx(2 / 3.5 * by_delta, rel=1e-6)


def test_one_mean_a_pair_is_enough() -> None:
    assert noise_scale([5.0, 6.0], BIG, 1, 2) == noise_scale(SMALL, BIG, 1, 2)


def test_gradients_without_noise_have_no_scale() -> None:
    found = noise_scale([4.0, 4.0], [4.0, 4.0], 1, 8)
    assert (found.squared_gradient.value, found.covariance_trace.value) == (4.0, 0.0)
    assert found.batch_size is None
    assert (
        noise_scale_text(found)
        == "not identifiable: on so few sentences the noise cannot be told from 0"
    )


def test_nonsense_is_refused() -> None:
    for arguments in (([1.0], [1.0], 1, 2), (SMALL, BIG, 2, 2), (SMALL, BIG, 0, 2)):
        with pytest.raises(ValueError, match="two pairs or more"):
            noise_scale(*arguments)


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
    """All gradients times a factor: both figures times its square, their ratio as it was."""
    small, big = np.transpose(pairs)
    before = noise_scale(small, big, small_batch, small_batch * times)
    after = noise_scale(small * factor**2, big * factor**2, small_batch, small_batch * times)
    # Equal norms leave a difference that is their rounding, which grows with the batch.
    rounding = 1e-12 * max(small.max(), big.max()) * small_batch * times
    for name in ("squared_gradient", "covariance_trace"):
        one, other = getattr(before, name), getattr(after, name)
        size = (1e-9 * (abs(one.low) + abs(one.high)) + rounding) * factor**2
        assert other.value == pytest.approx(one.value * factor**2, rel=1e-9, abs=size)
        assert other.low == pytest.approx(one.low * factor**2, rel=1e-9, abs=size)
    least = min(before.squared_gradient.low, before.covariance_trace.low)
    if before.batch_size and after.batch_size and least > 1e7 * rounding:
        for end in ("value", "low", "high"):
            one, other = getattr(before.batch_size, end), getattr(after.batch_size, end)
            assert other == pytest.approx(one, rel=1e-6)


@given(st.floats(0.1, 100), st.floats(0.1, 100), st.integers(1, 64), st.integers(2, 64))
def test_the_law_itself_is_read_off_exactly(
    gradient: float, trace: float, small_batch: int, times: int
) -> None:
    big_batch = small_batch * times
    small, big = (gradient + trace / batch for batch in (small_batch, big_batch))
    found = noise_scale([small, small], [big, big], small_batch, big_batch)
    assert found.squared_gradient.value == pytest.approx(gradient, rel=1e-6)
    assert found.covariance_trace.value == pytest.approx(trace, rel=1e-6)
    assert found.batch_size is not None
    assert found.batch_size.value == pytest.approx(trace / gradient, rel=1e-6)


@pytest.mark.parametrize("critical", [30.0, 100.0])
@pytest.mark.parametrize("spectrum", SPECTRA, ids=["even", "steep"])
def test_the_interval_covers_what_is_known(
    critical: float, spectrum: npt.NDArray[np.float64]
) -> None:
    scales = [study(seed, critical, spectrum).batch_size for seed in range(100)]
    intervals = [scale for scale in scales if scale is not None]
    assert len(intervals) == 100
    assert 80 <= sum(each.low <= critical <= each.high for each in intervals) <= 98
    # One that covers everything proves nothing.
    assert np.median([each.high / each.low for each in intervals]) < 1.6
    assert np.median([each.value for each in intervals]) == pytest.approx(critical, rel=0.05)


@pytest.mark.parametrize("spectrum", SPECTRA, ids=["even", "steep"])
def test_noise_alone_is_not_identifiable(spectrum: npt.NDArray[np.float64]) -> None:
    scales = [study(seed, 1e9, spectrum).batch_size for seed in range(100)]
    assert sum(scale is None for scale in scales) >= 90


KNOWN = Estimate(1.0, 0.9, 1.1)


@pytest.mark.parametrize(
    ("scale", "critical", "sentence"),
    [
        (
            Estimate(312.0, 250.0, 390.0),
            (280.0, 200.0, 255.0),
            "The gradient noise scale, 310 (250 to 390), agrees with the critical batch size, "
            "280 (200 to 260).",
        ),
        (
            Estimate(12_345.0, 9_000.0, 15_000.0),
            (30.0, 20.0, 40.0),
            "The gradient noise scale, 12,000 (9,000 to 15,000), disagrees with the critical "
            "batch size, 30 (20 to 40), by a factor of 410.",
        ),
        (
            Estimate(4.0, 3.0, 5.0),
            (10.0, 6.0, None),
            "The gradient noise scale, 4 (3 to 5), disagrees with the critical batch size, "
            "6 or more.",
        ),
        (
            Estimate(8.0, 6.0, 12.0),
            (1e9, 6.0, math.inf),
            "The gradient noise scale, 8 (6 to 12), agrees with the critical batch size, "
            "6 or more.",
        ),
        (
            Estimate(8.0, 6.0, 12.0),
            (1e-9, None, 5.0),
            "The gradient noise scale, 8 (6 to 12), disagrees with the critical batch size, "
            "5 or less.",
        ),
        (
            Estimate(8.0, 6.0, 12.0),
            (1e9, None, None),
            "The gradient noise scale is 8 (6 to 12); there is no critical batch size to hold "
            "against it.",
        ),
        (
            None,
            (30.0, 20.0, 40.0),
            "The gradient noise scale is not identifiable, so it neither supports nor "
            "contradicts the critical batch size, 30 (20 to 40).",
        ),
    ],
)
def test_agreement_in_a_sentence(
    scale: Estimate | None, critical: tuple[float, float | None, float | None], sentence: str
) -> None:
    assert agreement(NoiseScale(KNOWN, KNOWN, scale), Estimate(*critical)) == sentence


@pytest.mark.parametrize("scale", [Estimate(40.0, 30.0, 50.0), None])
def test_by_way_of_json(scale: Estimate | None) -> None:
    found = RunNoise(7, 1200, 960, 32, 96, NoiseScale(KNOWN, KNOWN, scale))
    assert RunNoise.from_json(json.loads(json.dumps(dataclasses.asdict(found)))) == found
    sentence = noise_sentence(found, Estimate(35.0, 30.0, 42.0))
    assert sentence.startswith("The gradient noise scale after 1,200 steps of run 7")


def test_in_words() -> None:
    scale = Estimate(312.0, 250.0, 390.0)
    assert noise_scale_text(NoiseScale(KNOWN, KNOWN, scale)) == "310 sentences (250 to 390)"
    lost = NoiseScale(Estimate(1.0, -0.1, 2.1), KNOWN, None)
    assert (
        noise_scale_text(lost)
        == "not identifiable: on so few sentences the gradient cannot be told from 0"
    )
