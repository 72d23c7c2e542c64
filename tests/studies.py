"""A sweep with plausible records but without training, so that its results are known."""

import dataclasses
import itertools
from collections.abc import Mapping

from s2s.config import Engine, SweepConfig, TrainConfig
from s2s.records import Evaluation, Run, RunState, Sweep, SweepPart, SweepState
from s2s.store import Store
from s2s.store.sweeps import queue_part, read_sweep
from s2s.sweeps.plan import create_sweep
from tests.plausible import RUN, summary

ALPHA_SECONDS, BETA_SECONDS = 0.01, 0.0005
S_MIN, B_CRIT = 100.0, 32.0
SIZES = (2, 8, 32, 128, 512)
_REPEAT_FACTORS = (0.98, 1.0, 1.02)


def evaluations(batch_size: int, repeat: int) -> list[Evaluation]:
    """Return losses that fall by 1 per doubling of the steps, and are 3 after the known steps."""
    step_seconds = ALPHA_SECONDS + BETA_SECONDS * batch_size
    steps = S_MIN * (1 + B_CRIT / batch_size) * _REPEAT_FACTORS[repeat]
    iterations = [0, *(round(steps * 2.0**power) for power in (-1, 0, 1))]
    return [
        Evaluation(iteration, iteration * step_seconds, loss, ())
        for iteration, loss in zip(iterations, (10.0, 4.0, 3.0, 2.0), strict=True)
    ]


def run(batch_size: int, repeat: int, state: RunState = RunState.FINISHED) -> Run:
    """Return a run of the sweep; repeats differ by 2% in speed."""
    step_seconds = (ALPHA_SECONDS + BETA_SECONDS * batch_size) * _REPEAT_FACTORS[repeat]
    config, run_id = TrainConfig(batch_size=batch_size, seed=repeat), 100 * batch_size + repeat
    measured = dataclasses.replace(
        summary(run_id, state, config, 100, peak=None),
        samples_per_second=batch_size / step_seconds,
        target_tokens_per_second=None,
        padding_ratio=0.0,
        validation_loss_per_token=2.0,
    )
    return dataclasses.replace(RUN, id=run_id, state=state, config=config, summary=measured)


def sweep(states: Mapping[tuple[int, int], RunState] | None = None, **choices: object) -> Sweep:
    """Return three repeats of five sizes; `states`, by size and repeat, of unfinished runs."""
    config = SweepConfig(**({"batch_sizes": SIZES} | choices))
    parts = []
    for size, repeat in itertools.product(SIZES, range(3)):
        state = (states or {}).get((size, repeat), RunState.FINISHED)
        parts.append(SweepPart(Engine.FUSED, size, repeat, run(size, repeat, state)))
    return Sweep(5, config, 0.0, SweepState.FINISHED, tuple(parts))


def with_summaries(study: Sweep, changes: Mapping[tuple[int, int], Mapping[str, object]]) -> Sweep:
    """Return the sweep with fields of some runs' summaries replaced, by size and repeat."""
    parts = []
    for part in study.parts:
        fields = changes.get((part.batch_size, part.repeat), {})
        changed = dataclasses.replace(part.run.summary, **fields)
        parts.append(dataclasses.replace(part, run=dataclasses.replace(part.run, summary=changed)))
    return dataclasses.replace(study, parts=tuple(parts))


def without_speeds(study: Sweep, *sizes: int) -> Sweep:
    """Return the sweep as if the runs of some batch sizes had not been timed."""
    untimed = {"samples_per_second": None}
    return with_summaries(study, {(size, each): untimed for size in sizes for each in range(3)})


def all_evaluations(study: Sweep) -> dict[int, list[Evaluation]]:
    """Return the evaluations of all runs by run id."""
    return {
        part.run.id: evaluations(part.batch_size, part.repeat) for part in study.parts if part.run
    }


def save(store: Store, **choices: object) -> int:
    """Write such a sweep to a store and return its id; further engines run at half the speed."""
    config = SweepConfig(**({"batch_sizes": SIZES} | choices))  # type: ignore[arg-type]
    sweep_id = create_sweep(store, config)
    sweep = read_sweep(store, sweep_id)
    for part in sweep.parts:
        run_id = queue_part(store, sweep, part)
        store.start_run(run_id, "cpu", {})
        for evaluation in evaluations(part.batch_size, part.repeat):
            store.add_evaluation(run_id, evaluation)
        measured = run(part.batch_size, part.repeat).summary
        speed = measured.samples_per_second / (1 if part.engine is config.engines[0] else 2)
        measured = dataclasses.replace(measured, run_id=run_id, samples_per_second=speed)
        store.finish_run(run_id, measured)
    return sweep_id
