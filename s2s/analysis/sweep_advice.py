"""Which batch size a sweep speaks for: its records put through the laws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from s2s.analysis.advice import Advice, Rates, advise
from s2s.analysis.batch_law import fit_batch_law
from s2s.analysis.speed_curve import SpeedCurve, law_text, speed_curve
from s2s.analysis.steps import Floats
from s2s.analysis.sweep_figures import finished_runs, speeds, steps_to_targets
from s2s.analysis.target import StepsToTarget, suggested_target, target_sentence
from s2s.analysis.throughput_law import ThroughputLaw
from s2s.config import Engine, RateRule, UserError
from s2s.records import Evaluation, RunState, Sweep


@dataclass(frozen=True)
class SweepAdvice:
    """Of one engine's runs."""

    engine: str
    advice: Advice
    points: tuple[StepsToTarget, ...]
    speed: SpeedCurve
    notes: tuple[str, ...]
    """What else is to be known: the knee, where the target comes from, runs without a result."""


def sweep_advice(
    sweep: Sweep,
    engine: Engine,
    evaluations: Mapping[int, Sequence[Evaluation]],
    target_loss: float = 0.0,
) -> SweepAdvice:
    """`evaluations`: by run id. `target_loss`: 0 takes the sweep's own, or the lowest that all
    its runs reached. Raises UserError where the runs allow no advice.
    """
    runs = finished_runs(sweep, engine)
    if not runs:
        raise UserError(f"Sweep {sweep.id} has no finished run yet; let it go on.")
    asked = target_loss or sweep.config.target_loss
    target = asked or suggested_target([evaluations[run.id] for run in runs])
    points = steps_to_targets(runs, evaluations, target)
    law = fit_batch_law(points)
    speed = speed_curve(engine.value, speeds(runs))
    rates = Rates.CONSTANT if sweep.config.rule is RateRule.CONSTANT else Rates.RULE
    return SweepAdvice(
        engine.value,
        advise(law, _line_draws(speed.law), target, rates),
        tuple(points),
        speed,
        tuple(filter(None, [
            "" if asked else target_sentence(target),
            law_text(speed),
            _without_result(sweep, engine),
        ])),
    )  # fmt: skip


def _line_draws(law: ThroughputLaw) -> Floats:
    """(draws, 2); the line alone where too few repeats give no draws."""
    if law.draws is not None:
        return law.draws
    if law.alpha_seconds is None or law.beta_seconds is None:
        raise UserError("One batch size gives no line of step times: sweep at least two.")
    return np.array([[law.alpha_seconds.value, law.beta_seconds.value]])


def _without_result(sweep: Sweep, engine: Engine) -> str:
    """Runs that bring no speed and no loss, which are results all the same."""
    told = {
        RunState.OUT_OF_MEMORY: "found no memory",
        RunState.DIVERGED: "diverged",
        RunState.FAILED: "failed",
    }
    said = []
    for state, words in told.items():
        sizes = sorted(
            {
                part.batch_size
                for part in sweep.parts
                if part.engine is engine and part.run and part.run.state is state
            }
        )
        if sizes:
            said.append(f"Runs at {', '.join(f'{size:,}' for size in sizes)} {words}.")
    return " ".join(said)
