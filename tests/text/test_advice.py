"""Every sentence of the advice, in the golden file."""

import dataclasses
import math

import numpy as np

from s2s.analysis.advice.advise import Advice, advise
from s2s.analysis.advice.gradient_noise import NoiseScale, RunNoise
from s2s.analysis.advice.steps_fit import fit_steps
from s2s.analysis.advice.target import StepsToTarget
from s2s.analysis.advice.time_to_target import recommend
from s2s.analysis.estimate import Estimate, LeaveOneOutCheck
from s2s.analysis.sweep.memory import MemoryPoint, fit_memory
from s2s.config import Engine, LearningRateRule
from s2s.formatting import format_bytes, format_duration
from s2s.records import RunState
from s2s.text import advice as text
from tests import studies
from tests.analysis.advice.test_steps_fit import study
from tests.golden_text import check_golden

WIDE = (8, 16, 32, 64, 128, 256)
ONE = Estimate(1.0, 0.9, 1.1)


def sweep_advice(target_loss: float = 3.0) -> Advice:
    failed = dict.fromkeys([(2, 0), (8, 0)], RunState.FAILED)
    sweep = studies.sweep({(512, 0): RunState.OUT_OF_MEMORY, **failed})
    return advise(sweep, Engine.FUSED, studies.all_evaluations(sweep), target_loss)


def paragraph(
    points: list[StepsToTarget], alpha: float = 0.07, rule: LearningRateRule = LearningRateRule.SQRT
) -> str:
    """The advice of these steps where a step takes `alpha` seconds and 1 ms per sample."""
    recommendation = recommend(fit_steps(points), np.array([[alpha, 0.001]]))
    advice = dataclasses.replace(
        sweep_advice(), recommendation=recommendation, target_loss=3.2, learning_rate_rule=rule
    )
    return text.describe_advice(advice)


def memory(per_token: float, sizes: tuple[int, ...] = (2, 8, 32, 128)) -> list[MemoryPoint]:
    """10 MB and `per_token` bytes for each of 20 padded tokens per sample."""
    return [MemoryPoint(size, 20 * size, 1e7 + per_token * 20 * size) for size in sizes]


def test_golden_text() -> None:
    sound = study(WIDE, 1000.0, spread=0.01)
    missed = [StepsToTarget(8, seed, 2000.0, False) for seed in (7, 8)]
    early = StepsToTarget(256, 9, 4000.0, True, is_early=True)
    contradicting = StepsToTarget(12, 9, 9000.0, False)
    misfit = [
        StepsToTarget(p.batch_size, p.seed, p.steps * {32: 1.3}.get(p.batch_size, 1), True)
        for p in study(WIDE, spread=0.01)
    ]
    predicted = Estimate(5.2, 5.1, 5.3)
    times = ((4, 11.0, 10.0), (8, 8.0, 10.0), (16, 1.0, None))
    checks = [LeaveOneOutCheck(*each) for each in times]
    scatter = [
        MemoryPoint(size, 20 * size, peak)
        for size, peaks in {2: (100, 130), 8: (150, 110), 32: (110, 165)}.items()
        for peak in peaks
    ]
    fit = fit_memory(memory(1000))
    check_golden(
        "advice",
        {
            "a range": paragraph(sound),
            "one size, the same rate at all": paragraph(
                study((8, 32, 128), 1000.0, spread=0.001), 0.032, LearningRateRule.CONSTANT
            ),
            "a range with a gap": paragraph(
                [*study((8, 12, 16), 1000.0, b_crit=16.0, spread=0.001), contradicting], 0.009
            ),
            "a range up to the smallest size": paragraph(study((4, 8, 16, 32), spread=0.01), 2e-3),
            "a range at 1": paragraph(study((1, 2, 4, 8, 16), b_crit=2.0, spread=0.01), 0.0011),
            "a larger size may be better": paragraph(
                study((2, 4, 8, 16), 1000.0, b_crit=4.0, spread=0.01), 1.0
            ),
            "only perfect scaling": paragraph(study((2, 4, 8, 16), b_crit=1e5), 1.0),
            "only the plateau": paragraph(study((64, 128, 256), b_crit=0.1), 0.001),
            "nothing known": paragraph(study((8, 32, 64), spread=2.0)),
            "a wide interval": paragraph(study((8, 16, 32, 64, 100), spread=1.0)),
            "two sizes": paragraph(study((16, 120), spread=0.02)),
            "two runs": paragraph(study((8, 120), seeds=1)),
            "runs excluded": paragraph([*sound, *missed, early]),
            "no size reached by all": paragraph(
                [*sound, *(StepsToTarget(size, 9, 1.0, False) for size in WIDE)]
            ),
            "a poor fit": paragraph(misfit),
            "notes": "\n".join(text.list_advice_notes(sweep_advice())),
            "notes with a suggested target": "\n".join(text.list_advice_notes(sweep_advice(0.0))),
            "confirmation": "\n".join(
                text.describe_confirmation(predicted, seconds) for seconds in (7.8, 3.9, None)
            ),
            "leave-one-out error of the time": text.format_checks(
                checks, "Time to target", format_duration
            ),
            "leave-one-out error of memory": text.format_checks(
                [LeaveOneOutCheck(8, 2e9, 1e9)], "Peak memory", format_bytes
            ),
            "memory": "\n".join(
                text.describe_memory_limit(*each)
                for each in (
                    (fit, 10**9), (fit, 10**10), (fit, 5 * 2**20), (fit, None),
                    (fit_memory(memory(1000, (2, 8))), 10**9), (fit_memory(memory(10)), 10**9),
                    (fit_memory(scatter), 10**9), (fit_memory(memory(1, (2,))), 10**9),
                    (fit_memory([]), 10**9),
                )
            ),
            "gradient noise": "\n".join(
                text.describe_noise_agreement(
                    RunNoise(7, 1200, 960, 32, 96, NoiseScale(ONE, ONE, scale)), critical
                )
                for scale, critical in (
                    (Estimate(312.0, 250.0, 390.0), Estimate(280.0, 200.0, 255.0)),
                    (Estimate(12_345.0, 9_000.0, 15_000.0), Estimate(30.0, 20.0, 40.0)),
                    (Estimate(4.0, 3.0, 5.0), Estimate(10.0, 6.0, None)),
                    (Estimate(8.0, 6.0, 12.0), Estimate(1e9, 6.0, math.inf)),
                    (Estimate(8.0, 6.0, 12.0), Estimate(1e-9, None, 5.0)),
                    (Estimate(8.0, 6.0, 12.0), Estimate(1e9)),
                    (None, Estimate(30.0, 20.0, 40.0)),
                )
            ),
            "a run's gradient noise": "\n".join(
                text.describe_gradient_noise(
                    RunNoise(7, 1000, 10_240, 32, 64, NoiseScale(ONE, ONE, scale))
                )
                for scale in (Estimate(312.0, 250.0, 390.0), None)
            ),
        },
    )  # fmt: skip
