"""The line of a step's time: by hand, exactly, and recovered from noise."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.estimate import Estimate
from s2s.analysis.sweep.throughput import Point, Work, throughput_law

SIZES = (2, 8, 32, 128, 512)
ARTICLE = {2: [94 / 1000], 32: [141 / 1000]}
"""Seconds over iterations."""


def exact(alpha: float, beta: float, sizes: Sequence[int] = SIZES) -> dict[int, list[float]]:
    return {size: [alpha + beta * size] * 5 for size in sizes}


def noisy(
    seed: int, blocks: int, alpha: float = 0.1, beta: float = 0.002, slow: str = "one"
) -> dict[int, list[float]]:
    """10 % log-normal noise; half speed in one block of one size, or of every size."""
    random = np.random.default_rng(seed)
    factors = np.exp(0.1 * random.standard_normal((len(SIZES), blocks)))
    sizes = slice(None) if slow == "every" else random.integers(len(SIZES))
    factors[sizes, random.integers(blocks)] *= 2
    times = (alpha + beta * np.array(SIZES))[:, None] * factors
    return dict(zip(SIZES, times.tolist(), strict=True))


def told(estimate: Estimate | None) -> Estimate:
    assert estimate is not None
    return estimate


def test_the_two_points_of_the_article_give_a_line_and_no_interval() -> None:
    law = throughput_law(ARTICLE)
    assert told(law.alpha_seconds).value == pytest.approx(0.0909, abs=5e-5)
    assert told(law.beta_seconds).value == pytest.approx(0.00157, abs=5e-6)
    assert told(law.half_work).value == pytest.approx(58, abs=0.5)
    assert told(law.ceiling_per_second).value == pytest.approx(638, abs=0.5)
    assert told(law.knee_work).value == pytest.approx(522, abs=1)
    assert law.knee_beyond_measured
    assert law.misfit == pytest.approx(0, abs=1e-12)
    for estimate in (law.alpha_seconds, law.beta_seconds, law.half_work, law.knee_work):
        assert (told(estimate).low, told(estimate).high) == (None, None)
    assert law.smallest_at_knee is None
    assert law.notes == (
        "Two batch sizes give a line and no interval, since nothing shows how far the line is "
        "off: measure a third size.",
    )


def test_medians_and_relative_residuals_by_hand() -> None:
    # Medians 1, 2 and 2 at sizes 1, 2 and 3.
    law = throughput_law({3: [2.0, 9.0, 1.0], 1: [1.0], 2: [2.0, 2.0]})
    assert law.points == (Point(1, 1.0, 1.0, 1), Point(2, 2.0, 2.0, 2), Point(3, 3.0, 2.0, 3))
    # Normal equations of the residuals a + b - 1, (a + 2b)/2 - 1, (a + 3b)/2 - 1:
    # 1.5 a + 2.25 b = 2 and 2.25 a + 4.25 b = 3.5, hence b = 0.75 / 1.3125 = 4/7.
    assert told(law.beta_seconds).value == pytest.approx(4 / 7)
    assert told(law.alpha_seconds).value == pytest.approx((2 - 2.25 * 4 / 7) / 1.5)
    # At size 2: (10/21 + 8/7) / 2 = 17/21.
    assert law.misfit == pytest.approx(4 / 21)


def test_the_ceiling_the_half_and_the_knee_by_hand() -> None:
    # 3 ms and 1 ms a sample: 1,000 samples/s at most, 500 at 3, 900 at 27.
    law = throughput_law(exact(0.003, 0.001))
    assert told(law.ceiling_per_second).value == pytest.approx(1000)
    assert told(law.half_work).value == pytest.approx(3)
    assert told(law.knee_work).value == pytest.approx(27)
    assert law.smallest_at_knee == 32
    assert not law.knee_beyond_measured
    assert law.notes == ()
    speeds = law.per_second([3, 27])
    assert speeds is not None
    assert speeds.value.tolist() == pytest.approx([500, 900])


def test_the_same_over_cells() -> None:
    padded_tokens = {size: 20.0 * size + size**1.1 for size in SIZES}
    law = throughput_law(
        {size: [0.003 + 1e-4 * padded_tokens[size]] * 5 for size in SIZES}, padded_tokens
    )
    assert law.unit is Work.CELLS
    assert told(law.alpha_seconds).value == pytest.approx(0.003)
    assert told(law.ceiling_per_second).value == pytest.approx(1e4)
    assert told(law.knee_work).value == pytest.approx(270)
    assert law.smallest_at_knee == next(size for size in SIZES if padded_tokens[size] > 270)
    assert throughput_law(exact(0.003, 0.001)).unit is Work.SAMPLES


def test_sizes_without_blocks_or_cells_are_gaps() -> None:
    full = exact(0.003, 0.001)
    assert throughput_law({**full, 64: []}) == throughput_law(full)
    padded_tokens = {size: 20.0 * size for size in SIZES[1:]}
    assert [each.batch_size for each in throughput_law(full, padded_tokens).points] == list(
        SIZES[1:]
    )


def test_two_sizes_have_no_interval_however_often_they_were_timed() -> None:
    law = throughput_law({2: [0.1, 0.11, 0.12] * 3, 8: [0.2, 0.21, 0.22] * 3})
    assert law.alpha_seconds == Estimate(pytest.approx(0.11 - 2 * 0.1 / 6))
    assert law.draws is None


@pytest.mark.parametrize("blocks", [{}, {8: []}, {8: [0.1, 0.2]}])
def test_one_size_gives_no_line(blocks: dict[int, list[float]]) -> None:
    law = throughput_law(blocks)
    assert law.alpha_seconds is law.knee_work is law.smallest_at_knee is law.misfit is None
    assert law.step_seconds([8]) is law.per_second([8]) is None
    assert not law.knee_beyond_measured
    assert law.notes == ("A line takes two batch sizes: measure more.",)


def test_what_too_few_blocks_cannot_give() -> None:
    full = exact(0.003, 0.001)
    for few in (1, 2):
        law = throughput_law({**full, 8: full[8][:few]})
        assert told(law.knee_work) == Estimate(pytest.approx(27))
        assert law.draws is law.smallest_at_knee is None
        assert "fewer than 3 times, so no interval" in law.notes[0]
    law = throughput_law({**full, 8: full[8][:3]})
    assert law.smallest_at_knee == 32
    assert "fewer than 5 times, so the intervals may be too narrow" in law.notes[0]


def test_a_step_that_does_not_grow_has_neither_ceiling_nor_knee() -> None:
    law = throughput_law({2: [0.3] * 5, 8: [0.2] * 5, 32: [0.1] * 5})
    assert told(law.beta_seconds).value < 0
    assert law.ceiling_per_second is law.half_work is law.knee_work is law.smallest_at_knee is None
    assert "no longer for a larger batch" in law.notes[0]


def test_a_step_without_a_fixed_part_has_a_ceiling_and_no_knee() -> None:
    law = throughput_law({2: [0.001] * 5, 8: [0.006] * 5, 32: [0.03] * 5})
    assert told(law.alpha_seconds).value < 0
    assert told(law.ceiling_per_second).value > 0
    assert law.half_work is law.knee_work is law.smallest_at_knee is None
    assert "No fixed part" in law.notes[0]
    speeds = law.per_second([0.01, 32])
    assert speeds is not None
    assert math.isnan(speeds.value[0])  # the line is below 0 there
    assert speeds.value[1] > 0


def test_an_end_that_noise_leaves_open_is_infinite_and_no_time_is_below_0() -> None:
    flat = throughput_law({2: [0.09, 0.1, 0.12], 3: [0.101, 0.108, 0.113], 4: [0.094, 0.111, 0.13]})
    assert flat.draws is not None
    assert (flat.draws[:, 1] < 0).mean() > 0.05
    assert told(flat.ceiling_per_second).high == told(flat.knee_work).high == math.inf
    assert told(flat.knee_work).value < math.inf
    assert flat.smallest_at_knee is None
    steep = throughput_law({1: [0.8, 1.1, 1.3], 2: [2.1, 1.7, 2.6], 3: [2.9, 2.5, 3.8]})
    assert told(steep.alpha_seconds).low < 0
    assert told(steep.half_work).low == told(steep.knee_work).low == 0


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan])
def test_times_and_cells_are_above_0(bad: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        throughput_law({2: [0.1], 8: [bad]})
    with pytest.raises(ValueError, match="above 0"):
        throughput_law({2: [0.1], 8: [0.2]}, {2: 10.0, 8: bad})


def test_the_smallest_size_at_the_knee_is_sure_of_it_in_the_draws_themselves() -> None:
    for seed in range(20):
        law = throughput_law(noisy(seed, 6, alpha=0.02))
        assert law.draws is not None
        alpha, beta = law.draws.T
        shares = [np.quantile(size * beta / (alpha + beta * size), 0.05) for size in SIZES]
        sure = [size for size, share in zip(SIZES, shares, strict=True) if share >= 0.9]
        assert law.smallest_at_knee == (sure[0] if sure else None)


def test_the_band_of_the_curve_holds_the_curve_and_turns_round_for_speeds() -> None:
    law = throughput_law(noisy(0, 5))
    times, speeds = law.step_seconds(SIZES), law.per_second(SIZES)
    assert times is not None
    assert speeds is not None
    assert (times.low < times.value).all()
    assert (times.value < times.high).all()
    assert speeds.low == pytest.approx(np.array(SIZES) / times.high)
    assert speeds.high == pytest.approx(np.array(SIZES) / times.low)
    assert law == throughput_law(dict(reversed(noisy(0, 5).items())))


FIGURES = some.floats(1e-6, 1e3)


@given(FIGURES, FIGURES, some.sets(some.integers(1, 4096), min_size=2))
def test_an_exact_line_is_recovered(alpha: float, beta: float, sizes: set[int]) -> None:
    law = throughput_law(exact(alpha, beta, sorted(sizes)))
    # A part that is lost among the digits of the whole cannot be found again.
    rounding = 1e-12 * (alpha + beta * max(sizes)) * max(sizes)
    assert told(law.alpha_seconds).value == pytest.approx(alpha, rel=1e-6, abs=rounding)
    assert told(law.beta_seconds).value == pytest.approx(beta, rel=1e-6, abs=rounding)


@given(some.floats(1e-3, 1e3), some.integers(0, 99))
def test_the_unit_of_time_does_not_matter(factor: float, seed: int) -> None:
    blocks = noisy(seed, 5)
    scaled = {size: [factor * each for each in seconds] for size, seconds in blocks.items()}
    one, other = throughput_law(blocks), throughput_law(scaled)
    for ours, theirs, by in (
        (one.alpha_seconds, other.alpha_seconds, factor),
        (one.beta_seconds, other.beta_seconds, factor),
        (one.ceiling_per_second, other.ceiling_per_second, 1 / factor),
        (one.knee_work, other.knee_work, 1.0),
    ):
        assert same(told(theirs), told(ours).times(by))
    assert one.smallest_at_knee == other.smallest_at_knee


@given(some.floats(0.1, 100), some.integers(0, 99))
def test_the_unit_of_work_does_not_matter(factor: float, seed: int) -> None:
    """Cells in proportion to samples scale the knee and leave the fixed part."""
    blocks = noisy(seed, 5)
    one = throughput_law(blocks)
    other = throughput_law(blocks, {size: factor * size for size in SIZES})
    assert same(told(other.alpha_seconds), told(one.alpha_seconds))
    assert same(told(other.knee_work), told(one.knee_work).times(factor))
    assert one.smallest_at_knee == other.smallest_at_knee


def same(one: Estimate, other: Estimate) -> bool:
    return [one.value, one.low, one.high] == pytest.approx([other.value, other.low, other.high])


@pytest.mark.parametrize("blocks", [5, 6, 7, 8])
@pytest.mark.parametrize("slow", ["one", "every"])
def test_the_law_is_recovered_from_noise_and_a_slow_block(blocks: int, slow: str) -> None:
    """In 100 studies: less than 10 % off in the median, and in the 90 % interval in 80 or more."""
    laws = [throughput_law(noisy(seed, blocks, slow=slow)) for seed in range(100)]
    for name, true in {"alpha_seconds": 0.1, "beta_seconds": 0.002, "knee_work": 450.0}.items():
        found = [told(getattr(law, name)) for law in laws]
        lows, values, highs = np.array([[each.low, each.value, each.high] for each in found]).T
        assert np.median(np.abs(values / true - 1)) < 0.10
        assert ((lows <= true) & (true <= highs)).sum() >= 80
        # An interval that covers everything proves nothing.
        assert np.median(highs / lows) < (1.4 if slow == "one" else 1.8)


def test_medians_shrug_off_a_block_that_took_a_hundred_times_as_long() -> None:
    """A line through means would have alpha far off."""
    blocks = exact(0.1, 0.002)
    blocks[32][2] *= 100
    law = throughput_law(blocks)
    assert told(law.alpha_seconds).value == pytest.approx(0.1)
    assert told(law.knee_work).value == pytest.approx(450)
