"""A sweep with plausible records but no training behind it: its law and its line are known."""

import dataclasses
from collections.abc import Mapping

from s2s.config import Engine, SweepConfig, TrainConfig
from s2s.records import Evaluation, Run, RunState, Sweep, SweepPart, SweepState
from s2s.store import Store
from s2s.store.sweeps import queue_part, read_sweep
from s2s.sweeps.plan import create_sweep
from tests import plausible
from tests.plausible import RUN

ALPHA_SECONDS, BETA_SECONDS = 0.01, 0.0005
S_MIN, B_CRIT = 100.0, 32.0
SIZES = (2, 8, 32, 128, 512)


def steps_needed(batch_size: int, repeat: int) -> float:
    """To a loss of 3, by the law; seeds differ by 2 %."""
    return S_MIN * (1 + B_CRIT / batch_size) * (0.98, 1.0, 1.02)[repeat]


def evaluations(batch_size: int, repeat: int) -> list[Evaluation]:
    """A loss that falls by 1 with each doubling of the steps, and is 3 at the law's steps."""
    step_seconds = ALPHA_SECONDS + BETA_SECONDS * batch_size
    at = [round(steps_needed(batch_size, repeat) * 2.0**power) for power in (-1, 0, 1)]
    losses = [10.0, 4.0, 3.0, 2.0]
    return [
        Evaluation(iteration, iteration * step_seconds, loss, ())
        for iteration, loss in zip([0, *at], losses, strict=True)
    ]


def run(batch_size: int, repeat: int, state: RunState = RunState.FINISHED) -> Run:
    """Blocks differ by 2 % in speed."""
    step_seconds = (ALPHA_SECONDS + BETA_SECONDS * batch_size) * (0.98, 1.0, 1.02)[repeat]
    config = TrainConfig(batch_size=batch_size, seed=repeat)
    summary = dataclasses.replace(
        plausible.summary(100 * batch_size + repeat, state, config, 100, peak=None),
        samples_per_second=batch_size / step_seconds,
        target_tokens_per_second=None,
        padding_ratio=0.0,
        validation_loss_per_token=2.0,
        wall_seconds=None,
    )
    return dataclasses.replace(RUN, id=summary.run_id, state=state, config=config, summary=summary)


def sweep(states: Mapping[tuple[int, int], RunState] | None = None, **choices: object) -> Sweep:
    """Three repeats of five sizes; `states`: of a size and a repeat whose run did not finish."""
    config = SweepConfig(batch_sizes=SIZES, **choices)  # type: ignore[arg-type]
    parts = tuple(
        SweepPart(
            Engine.FUSED,
            size,
            repeat,
            run(size, repeat, (states or {}).get((size, repeat), RunState.FINISHED)),
        )
        for size in SIZES
        for repeat in range(3)
    )
    return Sweep(5, config, 0.0, SweepState.FINISHED, parts)


def all_evaluations(of: Sweep) -> dict[int, list[Evaluation]]:
    return {part.run.id: evaluations(part.batch_size, part.repeat) for part in of.parts if part.run}


def written(store: Store, **choices: object) -> int:
    """Such a sweep in a store, where pages find it; returns its id.

    Of several engines the first is as fast as the law says, the others half as fast.
    """
    config = SweepConfig(**({"batch_sizes": SIZES} | choices))  # type: ignore[arg-type]
    sweep_id = create_sweep(store, config)
    sweep = read_sweep(store, sweep_id)
    for part in sweep.parts:
        run_id = queue_part(store, sweep, part)
        store.start_run(run_id, "cpu", {})
        for evaluation in evaluations(part.batch_size, part.repeat):
            store.add_evaluation(run_id, evaluation)
        summary = run(part.batch_size, part.repeat).summary
        assert summary
        assert summary.samples_per_second
        speed = summary.samples_per_second / (1 if part.engine is config.engines[0] else 2)
        summary = dataclasses.replace(summary, run_id=run_id, samples_per_second=speed)
        store.finish_run(run_id, summary)
    return sweep_id
