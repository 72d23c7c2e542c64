"""How much step times vary: a quiet machine is not noisy, a interfered one is."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.run.step_time import StepTime, step_spread, step_time
from s2s.analysis.run.steps import Steps
from s2s.analysis.run.timing import Spread
from tests.plausible import steps

Floats = npt.NDArray[np.float64]


def timed(seconds: Floats, tokens: Floats | None = None) -> Steps:
    """Timed steps of these lengths, of these many tokens in all."""
    words = np.full(len(seconds), 8) if tokens is None else tokens
    rows = zip(seconds, words, strict=True)
    return steps(
        *((i, 1.0, 1, n // 2, n - n // 2, n, each, True) for i, (each, n) in enumerate(rows, 1))
    )


def quiet(
    batch_size: int, count: int, fixed: float = 0.0, seed: int = 0, *, pooled: bool = False
) -> tuple[Floats, Floats]:
    """Seconds and tokens of steps that take a fixed time and a time a token.

    Sentences have 6 to 40 tokens on both sides together. Pooled: batches of like length, in
    random order.
    """
    random = np.random.default_rng(seed)
    lengths = np.clip(random.normal(18, 0.4 * 18, count * batch_size).round(), 6, 40)
    if pooled:
        lengths.sort()
    batches = random.permutation(lengths.reshape(count, batch_size))
    tokens = batches.sum(axis=1).astype(int)
    return fixed + 5e-5 * tokens, tokens


def test_by_hand() -> None:
    # 2 of warm-up, then stretches of 8 steps: 1, 2, 3, 4 and 5 s a step; one step is interfered.
    rows = [(1, 1.0, 32, 1, 1, 2, 9.0, False), (2, 1.0, 32, 1, 1, 2, 6.0, False)]
    rows += [(i, 1.0, 32, 1, 1, 2, 1.0 + i // 8, True) for i in range(40)]
    interfered = (99, 1.0, 32, 1, 1, 2, 7.0, False, *[0.1] * 4, True)
    found = step_time(steps(*rows, interfered))
    assert found == StepTime(3.0, pytest.approx(2 / 3), 2, 15.0, 1, 7.0)
    assert found.noise == "very noisy"
    spread = step_spread(steps(*rows))
    assert spread is not None
    assert (spread.median, spread.iqr, spread.count) == (3.0, 2.0, 5)


def test_nothing_is_known_before_the_first_timed_step() -> None:
    assert step_time(steps()) == StepTime(None, None, 0, 0.0, 0, 0.0)
    warm = steps((1, 1.0, 2, 1, 1, 2, 9.0, False))
    assert step_time(warm) == StepTime(None, None, 1, 9.0, 0, 0.0)
    assert step_time(warm).noise is None


@pytest.mark.parametrize(("tokens", "size"), [((8, 8), 8), ((6, 10), 46), ((4, 12), 182)])
def test_a_run_is_too_short_to_tell_before_five_stretches(
    tokens: tuple[int, int], size: int
) -> None:
    """A stretch has (1.349 * standard deviation / mean / 0.05)**2 steps, but 8 at least."""

    def spread(count: int) -> Spread | None:
        return step_spread(timed(np.ones(count), np.resize(tokens, count)))

    assert spread(5 * size - 2) is None
    known = spread(5 * size)
    assert known is not None
    assert (known.count, known.relative_iqr, known.noise) == (5, 0.0, "")


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("batch_size", [1, 2, 8, 32, 512])
@pytest.mark.parametrize("fixed", [0.0, 0.003])
@pytest.mark.parametrize("seed", range(5))
def test_a_quiet_machine_is_not_noisy_because_sentences_differ(
    batch_size: int, fixed: float, seed: int, pooled: bool
) -> None:
    run = timed(*quiet(batch_size, 2500, fixed, seed, pooled=pooled))
    assert step_time(run).noise == ""


@pytest.mark.parametrize("batch_size", [1, 2, 8, 32, 512])
@pytest.mark.parametrize("seed", range(5))
def test_a_machine_slowed_for_a_third_of_the_time_is_noisy(batch_size: int, seed: int) -> None:
    seconds, tokens = quiet(batch_size, 3000, seed=seed)
    slowed = seconds.copy()
    slowed[1000:2000] *= 2
    assert step_time(timed(slowed, tokens)).noise == "very noisy"
    turns = np.arange(len(seconds)) // 500 % 3 == 0  # the same by turns
    assert step_time(timed(np.where(turns, 2 * seconds, seconds), tokens)).noise == "very noisy"


def test_lone_stumbles_do_not_count() -> None:
    seconds, tokens = quiet(32, 800)
    seconds[::100] *= 5
    assert step_time(timed(seconds, tokens)).noise == ""


def test_a_machine_that_slows_down_steadily_is_noisy() -> None:
    seconds, tokens = quiet(32, 800)
    assert step_time(timed(seconds * np.linspace(1, 1.5, 800), tokens)).noise == "noisy"


@pytest.mark.parametrize("seed", range(5))
def test_batches_that_are_decoded_in_two_ways_are_no_noise(seed: int) -> None:
    """A free-running batch takes three times as long here."""
    free = np.random.default_rng(seed).random(4000) < 0.5
    seconds = np.where(free, 3.0, 1.0)
    assert step_time(timed(seconds), 0.5).noise == ""
    assert step_time(timed(seconds), 1.0).noise


@given(some.floats(1e-6, 1e3), some.integers(0, 99))
def test_the_unit_of_time_does_not_matter(factor: float, seed: int) -> None:
    seconds, tokens = quiet(32, 80, seed=seed)
    one, other = step_spread(timed(seconds, tokens)), step_spread(timed(factor * seconds, tokens))
    assert one is not None
    assert other is not None
    assert other.relative_iqr == pytest.approx(one.relative_iqr)
    assert other.median == pytest.approx(factor * one.median)
