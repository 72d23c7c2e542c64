"""How much step times vary: a quiet machine is not noisy, a disturbed one is."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.step_time import StepTime, step_spread, step_time
from s2s.analysis.steps import Steps
from tests.plausible import steps

Floats = npt.NDArray[np.float64]


def timed(seconds: Floats, batch_size: int = 32) -> Steps:
    """Timed steps of these lengths."""
    rows = ((i, 1.0, batch_size, 1, 1, 2, each, True) for i, each in enumerate(seconds, 1))
    return steps(*rows)


def quiet(batch_size: int, count: int, fixed: float = 0.0, seed: int = 0) -> Floats:
    """Seconds of steps that take a fixed time and a time a word; 3 to 20 words a sentence."""
    random = np.random.default_rng(seed)
    lengths = np.clip(random.normal(9, 0.4 * 9, (count, batch_size)).round(), 3, 20)
    return fixed + 1e-4 * lengths.sum(axis=1)


def test_by_hand() -> None:
    # 2 of warm-up, then stretches of 8 steps: 1, 2, 3, 4 and 5 s a step; one step is disturbed.
    rows = [(1, 1.0, 32, 1, 1, 2, 9.0, False), (2, 1.0, 32, 1, 1, 2, 6.0, False)]
    rows += [(i, 1.0, 32, 1, 1, 2, 1.0 + i // 8, True) for i in range(40)]
    disturbed = (99, 1.0, 32, 1, 1, 2, 7.0, False, *[0.1] * 4, True)
    found = step_time(steps(*rows, disturbed))
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


@pytest.mark.parametrize(
    ("batch_size", "fewest"), [(1, 640), (2, 320), (32, 40), (128, 40), (4096, 40)]
)
def test_a_run_is_too_short_to_tell_before_five_stretches(batch_size: int, fewest: int) -> None:
    assert step_spread(timed(np.ones(fewest - 1), batch_size)) is None
    known = step_spread(timed(np.ones(fewest), batch_size))
    assert known is not None
    assert (known.count, known.relative_iqr, known.noise) == (5, 0.0, "")


@pytest.mark.parametrize("batch_size", [1, 2, 8, 32, 512])
@pytest.mark.parametrize("fixed", [0.0, 0.003])
@pytest.mark.parametrize("seed", range(5))
def test_a_quiet_machine_is_not_noisy_because_sentences_differ(
    batch_size: int, fixed: float, seed: int
) -> None:
    seconds = quiet(batch_size, 2500 if batch_size < 32 else 400, fixed, seed)
    assert step_time(timed(seconds, batch_size)).noise == ""


@pytest.mark.parametrize("batch_size", [1, 2, 8, 32, 512])
@pytest.mark.parametrize("seed", range(5))
def test_a_machine_slowed_for_a_third_of_the_time_is_noisy(batch_size: int, seed: int) -> None:
    seconds = quiet(batch_size, 3000 if batch_size < 32 else 600, seed=seed)
    third = len(seconds) // 3
    slowed = seconds.copy()
    slowed[third : 2 * third] *= 2
    assert step_time(timed(slowed, batch_size)).noise == "very noisy"
    # The same by turns, each of a few stretches.
    turns = np.arange(len(seconds)) // (5 * max(8, 128 // batch_size)) % 3 == 0
    assert step_time(timed(np.where(turns, 2 * seconds, seconds), batch_size)).noise


def test_lone_stumbles_do_not_count() -> None:
    seconds = quiet(32, 800)
    seconds[::100] *= 5
    assert step_time(timed(seconds)).noise == ""


def test_a_machine_that_slows_down_steadily_is_noisy() -> None:
    assert step_time(timed(quiet(32, 800) * np.linspace(1, 1.5, 800))).noise == "noisy"


@pytest.mark.parametrize("seed", range(5))
def test_batches_that_are_decoded_in_two_ways_are_no_noise(seed: int) -> None:
    """A free-running batch takes three times as long here."""
    free = np.random.default_rng(seed).random(4000) < 0.5
    seconds = np.where(free, 3.0, 1.0)
    assert step_time(timed(seconds), 0.5).noise == ""
    assert step_time(timed(seconds), 1.0).noise


@given(some.floats(1e-6, 1e3), some.integers(0, 99))
def test_the_unit_of_time_does_not_matter(factor: float, seed: int) -> None:
    seconds = quiet(32, 80, seed=seed)
    one, other = step_spread(timed(seconds)), step_spread(timed(factor * seconds))
    assert one is not None
    assert other is not None
    assert other.relative_iqr == pytest.approx(one.relative_iqr)
    assert other.median == pytest.approx(factor * one.median)
