"""A replay with plausible records but without training, so that its results are known."""

import dataclasses
from collections.abc import Mapping

from s2s.analysis.sweep.replay import LARGE, SMALL
from s2s.config import Engine
from s2s.records import Evaluation, Run, RunState, Sweep, SweepPart, SweepState
from s2s.sweeps.replay import build_replay_config
from tests.plausible import RUN, summary

ARTICLE_2, ARTICLE_32 = (Engine.ARTICLE, SMALL), (Engine.ARTICLE, LARGE)
FUSED_2, FUSED_32 = (Engine.FUSED, SMALL), (Engine.FUSED, LARGE)
SPEEDS = {ARTICLE_2: 10.0, ARTICLE_32: 100.0, FUSED_2: 50.0, FUSED_32: 200.0}
LOSSES = {ARTICLE_2: 5.0, ARTICLE_32: 4.0, FUSED_2: 4.96, FUSED_32: 3.9}
"""Final validation losses per token; untrained it is 8."""
UNIGRAM = 5.0


def replay_sweep(
    factors: tuple[float, ...] = (0.98, 1.0, 1.02),
    states: Mapping[tuple[Engine, int, int], RunState | None] | None = None,
) -> Sweep:
    """Return a replay with one repeat per factor of its speeds.

    Args:
        states: States by engine, size and repeat, where a run did not finish; `None` if it has
            not started.
    """
    config = build_replay_config("starter", repeats=len(factors))
    parts = []
    for repeat, factor in enumerate(factors):
        for index, (engine, size) in enumerate(SPEEDS):
            state = (states or {}).get((engine, size, repeat), RunState.FINISHED)
            part = SweepPart(engine, size, repeat, None)
            if state is not None:
                speed = factor * SPEEDS[engine, size]
                run = _run(4 * repeat + index + 1, part, state, speed)
                part = dataclasses.replace(part, run=run)
            parts.append(part)
    finished = all(part.is_done() for part in parts)
    sweep_state = SweepState.FINISHED if finished else SweepState.RUNNING
    return Sweep(5, config, 0.0, sweep_state, tuple(parts))


def _run(run_id: int, part: SweepPart, state: RunState, speed: float) -> Run:
    config = build_replay_config("starter").build_run_config(
        part.engine, part.batch_size, part.repeat
    )
    measured = dataclasses.replace(summary(run_id, state, config, 1000), samples_per_second=speed)
    return dataclasses.replace(
        RUN, id=run_id, state=state, config=config, summary=measured, iterations_done=1000
    )


def losses(sweep: Sweep) -> dict[int, list[Evaluation]]:
    """Return an evaluation before the first and after the last step, by run id."""
    return {
        part.run.id: [
            Evaluation(0, 0.0, 8.0, ()),
            Evaluation(1000, 9.0, LOSSES[part.engine, part.batch_size], ()),
        ]
        for part in sweep.parts
        if part.run
    }
