from types import SimpleNamespace
from typing import Any

from s2s.analysis.sweep.table import SweepRow, sweep_line, sweep_rows, sweep_text
from s2s.config import Engine, SweepConfig, TrainConfig
from s2s.records import RunState, Sweep, SweepPart, SweepState


def run(
    state: str, rate: float | None, loss: float | None, iterations: int = 10, message: str = ""
) -> Any:
    summary = SimpleNamespace(
        samples_per_second=rate, validation_loss_per_token=loss, iterations=iterations
    )
    return SimpleNamespace(state=RunState(state), summary=summary, message=message)


def sweep(parts: list[SweepPart], **choices: Any) -> Sweep:
    config = SweepConfig(base=TrainConfig(corpus="tiny"), batch_sizes=(2, 8), **choices)
    return Sweep(3, config, 0.0, SweepState.STOPPED, tuple(parts))


def parts_of(size: int, *runs: Any) -> list[SweepPart]:
    return [SweepPart(Engine.FUSED, size, repeat, each) for repeat, each in enumerate(runs)]


LEFT = parts_of(8, run("out of memory", 90.0, None, message="Too much."), None, None)
RIGHT = parts_of(
    2, run("finished", 10.0, 2.0, 40), run("finished", 30.0, 1.0, 60), run("finished", 11.0, 3.0)
)


def test_medians_over_finished_repeats() -> None:
    assert sweep_rows(sweep([*LEFT, *RIGHT])) == [
        SweepRow("fused", 2, "finished", 11.0, 2.0, None, None, None),
        SweepRow("fused", 8, "1 out of memory, 2 waiting", None, None, None, None, None),
    ]


def test_rows_are_by_engine_and_then_by_size() -> None:
    parts = [
        SweepPart(engine, size, 0, None)
        for size in (8, 2)
        for engine in (Engine.FUSED, Engine.ARTICLE)
    ]
    rows = [(row.engine, row.batch_size) for row in sweep_rows(sweep(parts))]
    assert rows == [("article", 2), ("article", 8), ("fused", 2), ("fused", 8)]


def test_steps_to_the_target_are_of_those_that_reached_it() -> None:
    small, large = sweep_rows(sweep([*LEFT, *RIGHT], budget="target", target_loss=2.0))
    assert (small.reached, small.steps_to_target, small.samples_to_target) == (2, 50.0, 100.0)
    assert (large.reached, large.steps_to_target, large.samples_to_target) == (0, None, None)


def test_a_loss_of_nothing_reaches_the_target() -> None:
    [row] = sweep_rows(
        sweep(parts_of(2, run("finished", 9.0, 0.0)), budget="target", target_loss=2.0)
    )
    assert row.reached == 1


def test_missing_figures_are_no_zeros() -> None:
    [row] = sweep_rows(sweep(parts_of(2, run("finished", None, None))))
    assert (row.samples_per_second, row.validation_loss_per_token) == (None, None)


def test_a_table() -> None:
    assert sweep_text(sweep([*LEFT, *RIGHT])).splitlines() == [
        "engine  batch  state                       samples/s  validation, a token",
        "fused       2  finished                           11                2.000",
        "fused       8  1 out of memory, 2 waiting          –                    –",
        "Batch size 8, fused: Too much.",
    ]


def test_a_table_with_a_target() -> None:
    title, small, large, _ = sweep_text(
        sweep([*LEFT, *RIGHT], budget="target", target_loss=2.0)
    ).splitlines()
    assert title.split("  ")[-3:] == ["reached", "steps to target", "samples to target"]
    assert small.split()[-5:] == ["2", "of", "3", "50", "100"]
    assert large.split()[-5:] == ["0", "of", "3", "–", "–"]


def test_a_line() -> None:
    line = sweep_line(sweep([*LEFT, *RIGHT]))
    assert line == "   3  stopped   tiny · batch 2 to 8 · 3 repeats: 4 of 6 runs done"


def test_a_line_of_one_size_and_one_repeat() -> None:
    config = SweepConfig(base=TrainConfig(corpus="tiny"), batch_sizes=(1024,), repeats=1)
    line = sweep_line(Sweep(12, config, 0.0, SweepState.RUNNING, ()))
    assert line == "  12  running   tiny · batch 1,024 · 1 repeat: 0 of 0 runs done"


def test_what_runs_say_alike_is_said_once() -> None:
    same = [run("finished", 10.0, 2.0, message="Computed apart.") for _ in range(2)]
    assert sweep_text(sweep(parts_of(2, *same))).count("Computed apart.") == 1
