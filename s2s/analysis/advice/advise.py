"""A recommended batch size, from the fits or from the records of a sweep."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from s2s.analysis.advice.steps_fit import StepsFit, fit_steps, suggest_further_sizes
from s2s.analysis.advice.target import find_steps_to_target, suggest_target
from s2s.analysis.advice.time_to_target import (
    Prediction,
    Standing,
    TimeToTarget,
    predict_time_to_target,
)
from s2s.analysis.run.steps import Floats
from s2s.analysis.sweep.runs import finished_runs, sizes_without_result
from s2s.analysis.sweep.throughput import (
    SpeedCurve,
    ThroughputFit,
    fit_speed_curve,
    measured_speeds,
)
from s2s.config import MAX_EVALUATIONS, Engine, LearningRateRule, TrainConfig
from s2s.errors import UserError
from s2s.records import Evaluation, Run, RunState, Sweep

_CONFIRMING_STEPS = 2
"""Times the predicted steps that a confirming run may take."""


@dataclass(frozen=True)
class Recommendation:
    """A recommended batch size and range."""

    fit: StepsFit
    times: TimeToTarget
    batch_size: int
    """The size with the least predicted time, within the recommended range unless that is empty."""
    range: tuple[int, ...]
    """The recommended range, ascending; empty if no size is reliably within it."""
    further_sizes: tuple[int, ...]
    """The batch sizes at which further runs would help most, in this order."""

    @property
    def prediction(self) -> Prediction:
        """The prediction for the recommended size."""
        return next(each for each in self.times.predictions if each.batch_size == self.batch_size)


@dataclass(frozen=True)
class Advice:
    """A recommendation from the runs of one engine in a sweep."""

    engine: Engine
    target_loss: float
    """Validation loss per token, in nats."""
    target_is_suggested: bool
    """Nobody set a target, so it is the lowest that all runs reached."""
    learning_rate_rule: LearningRateRule
    recommendation: Recommendation
    speed: SpeedCurve
    sizes_without_result: Mapping[RunState, Sequence[int]]


def recommend(fit: StepsFit, step_time_draws: Floats) -> Recommendation:
    """Recommend from the fit and the draws that `predict_time_to_target` takes."""
    times = predict_time_to_target(fit, step_time_draws)
    recommended = [each for each in times.predictions if each.standing is Standing.RECOMMENDED]
    best = min(recommended or times.predictions, key=lambda each: each.seconds.value)
    return Recommendation(
        fit,
        times,
        best.batch_size,
        tuple(each.batch_size for each in recommended),
        suggest_further_sizes(fit, times.faster_unmeasured),
    )


def advise(
    sweep: Sweep,
    engine: Engine,
    evaluations: Mapping[int, Sequence[Evaluation]],
    target_loss: float = 0.0,
) -> Advice:
    """Recommend from the finished runs of a sweep.

    Args:
        evaluations: By run id.
        target_loss: 0: use the target of the sweep, or the lowest that all runs reached.

    Raises:
        UserError: The runs do not allow a recommendation.
    """
    runs = finished_runs(sweep, engine)
    if not runs:
        raise UserError(f"Sweep {sweep.id} has no finished run yet. Continue it first.")
    requested = target_loss or sweep.config.target_loss
    target = requested or suggest_target([evaluations[run.id] for run in runs])
    fit = fit_steps(find_steps_to_target(runs, evaluations, target))
    speed = fit_speed_curve(engine.value, measured_speeds(runs))
    return Advice(
        engine,
        target,
        not requested,
        sweep.config.learning_rate_rule,
        recommend(fit, _step_time_draws(speed.fit)),
        speed,
        sizes_without_result(sweep, engine),
    )


def plan_confirming_run(sweep: Sweep, advice: Advice) -> TrainConfig:
    """Return one more run at the recommended size with a new seed, up to the target.

    It may take twice the predicted steps, and is evaluated at most forty times.
    """
    recommendation = advice.recommendation
    steps = math.ceil(_CONFIRMING_STEPS * recommendation.prediction.steps)
    return dataclasses.replace(
        sweep.config.run_config(advice.engine, recommendation.batch_size, sweep.config.repeats),
        iterations=steps,
        max_seconds=0.0,
        target_loss=advice.target_loss,
        evaluate_every=math.ceil(steps / MAX_EVALUATIONS),
        keep_weights=True,
    )


def run_for_gradient_noise(sweep: Sweep, advice: Advice) -> Run | None:
    """Return the run with weights whose batch size is nearest to the recommended one, if any."""
    runs = [run for run in finished_runs(sweep, advice.engine) if run.config.keep_weights]
    best = advice.recommendation.batch_size
    return min(runs, key=lambda run: abs(math.log(run.config.batch_size / best)), default=None)


def _step_time_draws(fit: ThroughputFit) -> Floats:
    """Return alpha and beta per draw, shape (draws, 2); one row if the fit has no interval."""
    if fit.draws is not None:
        return fit.draws
    if fit.alpha_seconds is None or fit.beta_seconds is None:
        raise UserError("One batch size does not determine the step time. Sweep at least two.")
    return np.array([[fit.alpha_seconds.value, fit.beta_seconds.value]])
