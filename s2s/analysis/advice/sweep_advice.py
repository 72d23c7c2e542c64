"""Which batch size a sweep speaks for: its records put through the laws."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from s2s.analysis.advice.advise import Advice, Rates, advise
from s2s.analysis.advice.batch_law import fit_batch_law
from s2s.analysis.advice.target import (
    StepsToTarget,
    seconds_to_target,
    suggested_target,
    target_sentence,
)
from s2s.analysis.advice.time_to_target import Prediction
from s2s.analysis.run.steps import Floats
from s2s.analysis.sweep.figures import finished_runs, speeds, steps_to_targets
from s2s.analysis.sweep.speed_curve import SpeedCurve, law_text, speed_curve
from s2s.analysis.sweep.throughput import ThroughputLaw
from s2s.config import MAX_EVALUATIONS, Engine, LearningRateRule, TrainConfig
from s2s.errors import UserError
from s2s.formatting import format_duration
from s2s.records import Evaluation, Run, RunState, Sweep

_LONGER = 2


@dataclass(frozen=True)
class SweepAdvice:
    """Of one engine's runs."""

    engine: str
    advice: Advice
    points: tuple[StepsToTarget, ...]
    speed: SpeedCurve
    notes: tuple[str, ...]
    """What else is to be known: the knee, where the target comes from, runs without a result."""

    @property
    def predicted(self) -> Prediction:
        """At the recommended size."""
        sizes = [each.batch_size for each in self.advice.times.predictions]
        return self.advice.times.predictions[sizes.index(self.advice.recommended)]


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
    rates = Rates.CONSTANT if sweep.config.learning_rate_rule is LearningRateRule.CONSTANT else Rates.RULE
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


def confirming_run(sweep: Sweep, found: SweepAdvice) -> TrainConfig:
    """One more run at the recommended size, with a seed that no repeat had, up to the target.

    It may take twice the steps that were predicted, and is evaluated forty times at most.
    """
    config = sweep.config
    steps = math.ceil(_LONGER * found.predicted.steps)
    return dataclasses.replace(
        config.run_config(Engine(found.engine), found.advice.recommended, config.repeats),
        iterations=steps,
        max_seconds=0.0,
        target_loss=found.advice.target_loss,
        evaluate_every=math.ceil(steps / MAX_EVALUATIONS),
        keep_weights=True,
    )


def confirmation(found: SweepAdvice, evaluations: Sequence[Evaluation]) -> str:
    """The confirming run's time to the target beside the predicted one, in a sentence."""
    predicted = found.predicted.seconds
    ends = (
        ""
        if predicted.low is None or predicted.high is None
        else f" ({format_duration(predicted.low)} to {format_duration(predicted.high)})"
    )
    said = f"Predicted: {format_duration(predicted.value)}{ends}."
    took = seconds_to_target(evaluations, found.advice.target_loss)
    if took is None:
        return f"{said} The confirming run did not reach the target."
    off = took / predicted.value - 1
    return (
        f"{said} Actual: {format_duration(took)}, {abs(off):.0%} {'more' if off > 0 else 'less'}."
    )


def run_for_noise(sweep: Sweep, found: SweepAdvice) -> Run | None:
    """Whose weights tell the gradient noise near the recommended size: the run of the nearest size
    that kept them. None where none did."""

    def distance(run: Run) -> float:
        return abs(math.log(run.config.batch_size / found.advice.recommended))

    kept = [run for run in finished_runs(sweep, Engine(found.engine)) if run.config.keep_weights]
    return min(kept, key=distance, default=None)


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
