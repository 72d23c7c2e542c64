"""Batch-size advice from a sweep's records, and the configuration of a run that confirms it."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from s2s.analysis.advice.steps_fit import fit_steps
from s2s.analysis.advice.target import find_steps_to_target, suggest_target
from s2s.analysis.advice.time_to_target import Recommendation, recommend
from s2s.analysis.run.steps import Floats
from s2s.analysis.sweep.runs import find_sizes_without_result, list_finished_runs
from s2s.analysis.sweep.throughput import SpeedCurve, ThroughputFit, collect_speeds, fit_speed_curve
from s2s.config import MAX_EVALUATIONS, Engine, LearningRateRule, TrainConfig
from s2s.errors import UserError
from s2s.records import Evaluation, Run, RunState, Sweep

_MAX_STEPS_RATIO = 2
"""Largest number of steps of a confirming run, as a multiple of the predicted steps."""


@dataclass(frozen=True)
class Advice:
    """A recommendation from the runs of one engine in a sweep."""

    engine: Engine
    target_loss: float
    """Validation loss per token, in nats."""
    target_is_suggested: bool
    """Whether no target was set, so the lowest that all runs reached is used."""
    learning_rate_rule: LearningRateRule
    recommendation: Recommendation
    speed: SpeedCurve
    sizes_without_result: Mapping[RunState, Sequence[int]]
    """Batch sizes at which runs ran out of memory, diverged or failed, by the runs' state."""


def advise(
    sweep: Sweep,
    engine: Engine,
    evaluations: Mapping[int, Sequence[Evaluation]],
    target_loss: float = 0.0,
) -> Advice:
    """Recommend a batch size from the finished runs of a sweep.

    Args:
        evaluations: Evaluations by run id.
        target_loss: 0 means the sweep's target or, without one, the lowest that all runs reached.

    Raises:
        UserError: The runs do not allow a recommendation.
    """
    runs = list_finished_runs(sweep, engine)
    if not runs:
        raise UserError(f"Sweep {sweep.id} has no finished run yet. Continue it first.")
    requested = target_loss or sweep.config.target_loss
    target = requested or suggest_target([evaluations[run.id] for run in runs])
    fit = fit_steps(find_steps_to_target(runs, evaluations, target))
    speed = fit_speed_curve(engine.value, collect_speeds(runs))
    return Advice(
        engine,
        target,
        not requested,
        sweep.config.learning_rate_rule,
        recommend(fit, _list_step_time_draws(speed.fit)),
        speed,
        find_sizes_without_result(sweep, engine),
    )


def plan_confirming_run(sweep: Sweep, advice: Advice) -> TrainConfig:
    """Return the configuration of one more run to the target: recommended size, new seed."""
    best = advice.recommendation.best
    steps = math.ceil(_MAX_STEPS_RATIO * best.steps)
    return dataclasses.replace(
        sweep.config.build_run_config(advice.engine, best.batch_size, sweep.config.repeats),
        iterations=steps,
        max_seconds=0.0,
        target_loss=advice.target_loss,
        evaluate_every=math.ceil(steps / MAX_EVALUATIONS),
        keep_weights=True,
    )


def select_noise_run(sweep: Sweep, advice: Advice) -> Run | None:
    """Return the run with weights nearest in size to the recommended one, if there is one."""
    runs = [run for run in list_finished_runs(sweep, advice.engine) if run.config.keep_weights]
    best = advice.recommendation.best.batch_size
    return min(runs, key=lambda run: abs(math.log(run.config.batch_size / best)), default=None)


def _list_step_time_draws(fit: ThroughputFit) -> Floats:
    """Return draws of alpha and beta, shape (draws, 2). Without an interval there is one row."""
    if fit.draws is not None:
        return fit.draws
    if fit.alpha_seconds is None or fit.beta_seconds is None:
        raise UserError("One batch size does not determine the step time. Sweep at least two.")
    return np.array([[fit.alpha_seconds.value, fit.beta_seconds.value]])
