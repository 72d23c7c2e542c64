"""Rows of a sweep: medians over finished repeats, gaps for what is missing."""

import dataclasses

from s2s.analysis.sweep.table import SweepRow, build_sweep_rows
from s2s.config import Engine, SweepConfig, TrainConfig
from s2s.records import Run, RunState, Sweep, SweepPart, SweepState
from tests.plausible import RUN, summary


def run(state: str, speed: float | None, loss: float | None, iterations: int = 10) -> Run:
    measured = dataclasses.replace(
        summary(1, RunState(state), TrainConfig(), iterations),
        samples_per_second=speed,
        validation_loss_per_token=loss,
    )
    return dataclasses.replace(RUN, state=RunState(state), summary=measured)


def sweep(small: list[Run | None], large: list[Run | None], **choices: object) -> Sweep:
    config = SweepConfig(base=TrainConfig(corpus="tiny"), batch_sizes=(2, 8), **choices)
    parts = [
        SweepPart(Engine.FUSED, size, repeat, each)
        for size, runs in ((8, large), (2, small))
        for repeat, each in enumerate(runs)
    ]
    return Sweep(3, config, 0.0, SweepState.STOPPED, tuple(parts))


SMALL: list[Run | None] = [
    run("finished", 10.0, 2.0, 40), run("finished", 30.0, 1.0, 60), run("finished", 11.0, 3.0)
]  # fmt: skip
LARGE = [run("out of memory", 90.0, None), None, None]


def test_medians_over_finished_repeats() -> None:
    assert build_sweep_rows(sweep(SMALL, LARGE)) == [
        SweepRow("fused", 2, {"finished": 3}, 11.0, 2.0, None, None, None),
        SweepRow("fused", 8, {"out of memory": 1, "waiting": 2}, *[None] * 5),
    ]
    [row] = build_sweep_rows(sweep([run("finished", None, None)], []))
    assert (row.samples_per_second, row.validation_loss_per_token) == (None, None)


def test_rows_come_by_engine_and_size() -> None:
    parts = tuple(
        SweepPart(engine, size, 0, None)
        for size in (8, 2)
        for engine in (Engine.FUSED, Engine.ARTICLE)
    )
    rows = build_sweep_rows(dataclasses.replace(sweep([], []), parts=parts))
    order = [("article", 2), ("article", 8), ("fused", 2), ("fused", 8)]
    assert [(row.engine, row.batch_size) for row in rows] == order


def test_steps_to_target_are_of_the_repeats_that_reached_it() -> None:
    small, large = build_sweep_rows(sweep(SMALL, LARGE, budget="target", target_loss=2.0))
    assert (small.reached, small.steps_to_target, small.samples_to_target) == (2, 50.0, 100.0)
    assert (large.reached, large.steps_to_target, large.samples_to_target) == (0, None, None)
    perfect = sweep([run("finished", 9.0, 0.0)], [], budget="target", target_loss=2.0)
    assert build_sweep_rows(perfect)[0].reached == 1
