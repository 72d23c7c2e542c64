"""The fits on studies with known answers, seeds 0 to 99; the bars are the project's own."""

from collections.abc import Callable

import numpy as np
import pytest

from s2s.analysis.advice.advise import Advice, Rates, advise
from s2s.analysis.advice.batch_law import BatchLaw, OpenEnd, fit_batch_law
from s2s.analysis.advice.time_to_target import Standing
from tests.analysis.advice.simulations import (
    SIZES,
    STUDIES,
    Study,
    drowned_study,
    far_above_study,
    far_below_study,
    law_study,
    quadratic_loss,
    quadratic_steps,
    quadratic_study,
)


def judged(study: Study) -> tuple[BatchLaw, Advice]:
    law = fit_batch_law(study.points)
    return law, advise(law, study.line_draws, 3.2, Rates.TUNED)


def test_studies_by_the_law() -> None:
    studies = [law_study(seed) for seed in STUDIES]
    covered, ratios, unknown, unadvised = 0, [], 0, 0
    for study in studies:
        law, advice = judged(study)
        assert study.b_crit is not None
        assert law.b_crit.low is not None
        assert law.b_crit.high is not None
        covered += law.b_crit.low <= study.b_crit <= law.b_crit.high
        ratios.append(law.b_crit.high / law.b_crit.low)
        unknown += not law.identifiable
        unadvised += not advice.identifiable
    assert 85 <= covered <= 98
    assert np.median(ratios) < 2.5
    assert unknown <= 5
    assert unadvised <= 5


def test_noisy_quadratics() -> None:
    """Held against the best size of half powers of two, which may lie between the candidates."""
    between = 2 ** np.arange(np.log2(SIZES[0]) + 0.5, np.log2(SIZES[-1]))
    right, unadvised, slow, called_slow = 0, 0, 0, 0
    for study in map(quadratic_study, STUDIES):
        _, advice = judged(study)
        known = study.exact_seconds(np.array([p.batch_size for p in advice.times.predictions]))
        best = min(study.exact_seconds(between).min(), known.min())
        times = dict(zip((p.batch_size for p in advice.times.predictions), known, strict=True))
        right += times[advice.recommended] <= 1.1 * best
        unadvised += not advice.identifiable
        told = [p.batch_size for p in advice.times.predictions if p.standing is Standing.SLOW]
        called_slow += len(told)
        slow += sum(times[size] > 1.1 * best for size in told)
    assert right >= 90
    assert unadvised <= 5
    assert slow >= 0.95 * called_slow > 100


@pytest.mark.parametrize(
    ("make", "end"),
    [(far_below_study, OpenEnd.HIGH), (far_above_study, OpenEnd.LOW), (drowned_study, None)],
)
def test_studies_without_an_answer(make: Callable[[int], Study], end: OpenEnd | None) -> None:
    found = [judged(make(seed)) for seed in STUDIES]
    assert sum(not law.identifiable for law, _ in found) >= 90
    assert sum(not advice.identifiable for _, advice in found) >= 90
    if end:
        assert sum(law.open_end is end for law, _ in found) >= 90


def test_the_quadratics_loss_is_what_sgd_gives() -> None:
    """The closed form against the expectation carried forward step by step."""
    curvatures, noise, size, rate = np.array([1.0, 0.25]), 3.0, 8.0, 0.5
    squares = np.ones(2)
    for _ in range(7):
        squares = (1 - rate * curvatures) ** 2 * squares + rate**2 * noise * curvatures / size
    loss = quadratic_loss(curvatures, noise, np.array([rate]), size, np.array([7.0]))
    assert loss == pytest.approx(0.5 * (curvatures * squares).sum())


def test_the_quadratics_steps_are_the_least_of_all_rates() -> None:
    curvatures = 1.0 / np.arange(1, 11)
    target = 0.05 * 0.5 * curvatures.sum()
    steps = quadratic_steps(curvatures, 5.0, target, 16.0, rates=400)
    rates = np.geomspace(1e-4, 1.0, 2000)

    def least(count: float) -> float:
        at = np.full(len(rates), count)
        return float(quadratic_loss(curvatures, 5.0, rates, 16.0, at).min())

    assert least(steps * 1.01) < target < least(steps * 0.99)


def test_a_larger_batch_takes_fewer_steps_and_more_samples_to_a_quadratics_target() -> None:
    study = quadratic_study(0)
    small, large = (
        np.mean([p.steps for p in study.points if p.batch_size == size]) for size in (4, 1024)
    )
    assert small > large
    assert 4 * small < 1024 * large
