"""The advice in words: what it says, and what it owns not to know."""

import dataclasses

import numpy as np
import pytest

from s2s.analysis.advice.advise import Advice, Rates, advise
from s2s.analysis.advice.batch_law import fit_batch_law
from s2s.analysis.advice.target import StepsToTarget
from tests.analysis.advice.test_batch_law import study

LINE = np.array([[0.064, 0.001]])
WIDE = (8, 16, 32, 64, 128, 256)


def advice(points: list[StepsToTarget], line: object = LINE, rates: Rates = Rates.TUNED) -> Advice:
    return advise(fit_batch_law(points), np.asarray(line), 3.2, rates)


def test_a_sound_study() -> None:
    # 1000*(1 + 32/B) steps of 64 + B ms: least 186.5 s, at B = 45; 192 s at 32 and at 64.
    found = advice(study(WIDE, 1000.0, spread=0.01))
    assert found.identifiable
    assert found.good_sizes == (32, 64)
    assert found.recommended in (32, 64)
    assert found.times.b_time is not None
    assert found.times.b_time.value == pytest.approx(45.25, rel=0.01)
    said = found.paragraph
    assert "Anything from 32 to 64 is right on this machine" in said
    assert (
        "reaches a validation loss of 3.2 per token in about 3 min 12 s (3 min 11 s to 3 min 13 s)"
        in said
    )
    assert "1.9 times sooner than 8." in said  # 360 s and 360 s: 8 and 256 tie
    assert "The fastest size measured is 32; confirm 64 by one more run." in said
    assert "critical batch size, above which" in said
    assert "The learning rate was tuned" in said
    assert "missed" not in said
    assert "help most" not in said


def test_one_good_size_and_a_range_with_a_gap() -> None:
    exact = study((8, 32, 128), 1000.0, spread=0.001)
    assert "32 is right on this machine; no other size" in advice(exact, [[0.032, 0.001]]).paragraph
    flat = study((8, 16, 32), 1000.0, b_crit=16.0, spread=0.01)
    missed = StepsToTarget(16, 9, 9000.0, False)
    gap = advice([*flat, missed], [[0.016, 0.001]])
    assert 16 not in gap.good_sizes
    assert "contradicts the fitted curve at 16: do not rely on it" in gap.paragraph
    # (1 + 16 / B) * (9 + B): 51 at 8, 49 at 12, 50 at 16; a run that missed speaks against 12.
    beside = [*study((8, 12, 16), 1000.0, b_crit=16.0, spread=0.001), dataclasses.replace(
        missed, batch_size=12)]  # fmt: skip
    found = advice(beside, [[0.009, 0.001]])
    assert "Any of 8 and 16 is right on this machine" in found.paragraph
    assert (found.good_sizes, found.recommended) == ((8, 16), 16)


def test_a_known_critical_size_and_a_best_one_beyond_what_was_measured() -> None:
    """The least time is at sqrt(1000 * 4) = 63, far above 16; for the law a run at 1 is wanted."""
    found = advice(study((2, 4, 8, 16), 1000.0, b_crit=4.0, spread=0.01), [[1.0, 0.001]])
    assert found.law.identifiable
    assert not found.identifiable
    assert (found.further_sizes[0], found.times.beyond) == (64, 64)
    assert "A further run at 64 would help most, then 2 at 1." in found.paragraph


def test_a_range_that_begins_with_the_smallest_size() -> None:
    """The least time is at sqrt(B_crit): 5.7, and 1.4 where nothing is smaller than 1."""
    from_4 = advice(study((4, 8, 16, 32), spread=0.01), [[0.001, 0.001]])
    assert from_4.good_sizes == (4, 8)
    assert "may go on beyond the sizes measured, 4 to 32" in from_4.paragraph
    from_1 = advice(study((1, 2, 4, 8, 16), b_crit=2.0, spread=0.01), [[0.001, 0.001]])
    assert from_1.good_sizes == (1, 2)
    assert "may go on" not in from_1.paragraph


def test_a_study_that_holds_no_answer() -> None:
    found = advice(study((16, 32, 64), spread=2.0))
    assert not found.identifiable
    assert found.good_sizes == ()
    assert "is not identifiable from these runs" in found.paragraph
    assert "it has no bound on either side" in found.paragraph
    assert "times sooner" not in found.paragraph  # none is surely slower
    assert "A further run at 4 would help most, then one at 256 and one at 4." in found.paragraph


def test_what_can_be_ruled_out_is_said_without_an_answer() -> None:
    found = advice(study((2, 4, 8, 16), b_crit=1e5), [[1.0, 0.001]])
    assert not found.identifiable
    assert "only 2, 4 and 8 can be put out of it" in found.paragraph
    assert "Sizes larger than those measured, 2 to 16, may be faster still." in found.paragraph
    assert "up to 16 every doubling about halves the steps" in found.paragraph
    assert "3 further runs at 64 would help most." in found.paragraph
    assert (found.recommended, found.further_sizes) == (16, (64, 64, 64))


def test_smaller_sizes_may_be_better_too() -> None:
    found = advice(study((64, 128, 256), b_crit=0.1), [[0.001, 0.001]])
    assert not found.identifiable
    assert "Sizes smaller than those measured, 64 to 256, may be faster still." in found.paragraph
    assert "from 64 on larger batches save hardly any steps" in found.paragraph
    assert "3 further runs at 16 would help most." in found.paragraph


def test_a_range_that_reaches_the_largest_size_says_that_nothing_was_measured_beyond() -> None:
    found = advice(study((8, 16, 32, 64), spread=0.01))
    assert 64 in found.good_sizes
    assert "may go on beyond the sizes measured, 8 to 64" in found.paragraph


def test_censored_and_early_runs_are_counted() -> None:
    sound = study(WIDE, 1000.0, spread=0.01)
    missed = [StepsToTarget(8, seed, 2000.0, False) for seed in (7, 8)]
    early = StepsToTarget(256, 9, 4000.0, True, early=True)
    said = advice([*sound, *missed, early]).paragraph
    assert "2 of 21 runs (batch size 8) missed the target" in said
    assert "1 of 21 runs (batch size 256) had reached the target by their first evaluation" in said
    assert "contradicts" not in said
    lone = advice([*sound, *(StepsToTarget(size, 9, 1.0, False) for size in WIDE)])
    assert "At no size did every run cross the target" in lone.paragraph


def test_an_unchecked_curve_is_owned() -> None:
    assert "two sizes give a curve" in advice(study((16, 128), spread=0.02)).paragraph
    two = advice(study((8, 128), seeds=1))
    assert "two runs give a curve and no doubt about it" in two.paragraph
    assert "By the fitted curve 64 reaches a validation loss" in two.paragraph
    wide = study((8, 16, 32, 64, 128), spread=1.0)
    assert "too wide" in advice(wide).paragraph
    assert "would help most, then" in advice(wide).paragraph
    off = [
        StepsToTarget(p.batch_size, p.seed, p.steps * {32: 1.3}.get(p.batch_size, 1), True)
        for p in study(WIDE, spread=0.01)
    ]
    assert "the law holds only roughly here" in advice(off).paragraph


@pytest.mark.parametrize(
    ("rates", "words"),
    [(Rates.TUNED, "was tuned at each size"), (Rates.RULE, "only followed a rule"),
     (Rates.CONSTANT, "all sizes had the same one")],
)  # fmt: skip
def test_the_learning_rates_are_spoken_of(rates: Rates, words: str) -> None:
    assert words in advice(study(), rates=rates).paragraph
