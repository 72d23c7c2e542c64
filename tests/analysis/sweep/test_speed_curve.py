import pytest

from s2s.analysis.sweep.speed_curve import SpeedPoint, Unit, law_text, speed_curve, speed_text

# A step takes 1 s and 0.5 s a sentence: 2/2, 4/3 and 8/5 samples/s.
EXACT = {2: [1.0] * 5, 4: [4 / 3] * 5, 8: [1.6] * 5}


def test_points_are_medians_between_the_slowest_and_the_fastest() -> None:
    curve = speed_curve("fused", {8: [3.0, 1.0, 2.0], 2: [5.0], 4: []})
    assert curve.points == (SpeedPoint(2, 5.0, 5.0, 5.0, 1), SpeedPoint(8, 2.0, 1.0, 3.0, 3))


def test_the_law_is_that_of_the_seconds_a_step() -> None:
    law = speed_curve("fused", EXACT).law
    assert law.alpha_seconds is not None
    assert law.beta_seconds is not None
    assert law.alpha_seconds.value == pytest.approx(1.0)
    assert law.beta_seconds.value == pytest.approx(0.5)


def test_words() -> None:
    curve = speed_curve("fused", EXACT)
    assert speed_text([curve]) == (
        "Samples per second against the batch size. fused: batch 2: 1, batch 4: 1.33, batch 8: 1.6."
    )
    assert law_text(curve) == (
        "fused: at most 2 samples/s, 90 % of that at batch 18 (18 to 18), beyond what was measured."
    )
    assert speed_text([curve, speed_curve("article", {})]) == speed_text([curve])
    assert speed_text([]) == "Samples per second against the batch size. Nothing yet."


def test_words_of_tokens() -> None:
    curve = speed_curve("fused", EXACT, Unit.TOKENS)
    assert speed_text([curve]).startswith("Tokens per second against the batch size. fused: batch")
    assert law_text(curve).startswith("fused: at most 2 tokens/s, 90 % of that at batch 18")


def test_what_could_not_be_told_is_said() -> None:
    assert law_text(speed_curve("fused", {2: [1.0]})).startswith("A line takes two batch sizes")
