"""Timings: spreads by hand, and step times of quiet and of disturbed machines."""

import numpy as np
import pytest

from s2s.analysis.run.steps import Floats, Steps
from s2s.analysis.run.timing import (
    TimingSpread,
    Variation,
    classify_variation,
    measure_spread,
    measure_step_spread,
    median,
)
from tests.plausible import steps


def test_spreads_by_hand() -> None:
    # Quartiles of five values are the second and the fourth; of four they are interpolated.
    assert measure_spread([50, 10, 30, 20, 40]) == TimingSpread(30, 20)
    assert measure_spread([1, 2, 3, 4]) == TimingSpread(2.5, 1.5)
    assert measure_spread([90, 95, 100, 115, 120]).relative_iqr == pytest.approx(0.2)
    assert measure_spread([7]) == TimingSpread(7, None)
    assert measure_spread([7]).relative_iqr is measure_spread([-1, 0, 1]).relative_iqr is None
    assert median([]) is None
    variations = [classify_variation(each) for each in (None, 0.1, 0.101, 0.25, 0.251)]
    steady, noisy, very_noisy = Variation
    assert variations == [None, steady, noisy, noisy, very_noisy]


def timed(seconds: Floats, tokens: Floats | None = None) -> Steps:
    """Timed steps of these lengths and numbers of tokens."""
    counts = np.full(len(seconds), 8) if tokens is None else tokens
    rows = enumerate(zip(seconds, counts, strict=True), 1)
    return steps(*((i, 1.0, 1, n // 2, n - n // 2, n, each, True) for i, (each, n) in rows))


def quiet(
    batch_size: int, count: int, fixed: float = 0.0, seed: int = 0, *, pooled: bool = False
) -> tuple[Floats, Floats]:
    """Return seconds and tokens of steps with a fixed time and a time per token.

    Sentence pairs have 6 to 40 tokens. Pooled batches hold pairs of similar length.
    """
    random = np.random.default_rng(seed)
    lengths = np.clip(random.normal(18, 0.4 * 18, count * batch_size).round(), 6, 40)
    if pooled:
        lengths.sort()
    batches = random.permutation(lengths.reshape(count, batch_size))
    tokens = batches.sum(axis=1).astype(int)
    return fixed + 5e-5 * tokens, tokens


def variation(run: Steps, teacher_forcing: float = 1.0) -> Variation | None:
    spread = measure_step_spread(run, teacher_forcing)
    return classify_variation(spread.relative_iqr)


def test_the_spread_of_steps_by_hand() -> None:
    """Warm-up, then stretches of 8 steps of 1, 2, 3, 4 and 5 s; one interfered step."""
    rows = [(i, 1.0, 32, 1, 1, 2, 1.0 + i // 8, True) for i in range(40)]
    interfered = (99, 1.0, 32, 1, 1, 2, 7.0, False, *[0.1] * 4, True)
    whole = steps((1, 1.0, 32, 1, 1, 2, 9.0, False), *rows, interfered)
    assert measure_step_spread(whole) == TimingSpread(3.0, 2.0)
    assert measure_step_spread(steps()) is measure_step_spread(whole[:1]) is None


@pytest.mark.parametrize(("tokens", "size"), [((8, 8), 8), ((6, 10), 46), ((4, 12), 182)])
def test_the_spread_needs_five_stretches(tokens: tuple[int, int], size: int) -> None:
    """A stretch has (1.349 * standard deviation / mean / 0.05)**2 steps, but at least 8."""

    def spread(count: int) -> TimingSpread | None:
        return measure_step_spread(timed(np.ones(count), np.resize(tokens, count)))

    assert spread(5 * size - 2) is None
    assert spread(5 * size) == TimingSpread(1.0, 0.0)


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("batch_size", [1, 8, 512])
@pytest.mark.parametrize("fixed", [0.0, 0.003])
def test_sentence_lengths_alone_are_not_noisy(batch_size: int, fixed: float, pooled: bool) -> None:
    assert variation(timed(*quiet(batch_size, 2500, fixed, pooled=pooled))) is Variation.STEADY


@pytest.mark.parametrize("batch_size", [1, 8, 512])
def test_a_lasting_slowdown_counts_and_single_outliers_do_not(batch_size: int) -> None:
    seconds, tokens = quiet(batch_size, 3000)
    step = np.arange(3000)
    for slow in ((step >= 1000) & (step < 2000), step // 500 % 3 == 0):
        run = timed(np.where(slow, 2 * seconds, seconds), tokens)
        assert variation(run) is Variation.VERY_NOISY
    assert variation(timed(seconds * np.linspace(1, 1.5, 3000), tokens)) is Variation.NOISY
    seconds[::100] *= 5
    assert variation(timed(seconds, tokens)) is Variation.STEADY


def test_batches_decoded_in_two_ways_are_not_noisy() -> None:
    """A free-running batch takes three times as long here."""
    seconds = np.where(np.random.default_rng(0).random(4000) < 0.5, 3.0, 1.0)
    assert variation(timed(seconds), teacher_forcing=0.5) is Variation.STEADY
    assert variation(timed(seconds), teacher_forcing=1.0) is not Variation.STEADY
