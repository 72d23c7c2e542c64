"""The parts of a step, and the lines that tell fixed from per sample."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.run.anatomy import (
    PARTS,
    Anatomy,
    Dissected,
    Split,
    anatomy,
    anatomy_text,
    dissected,
    split,
    split_text,
    why_no_split,
)
from tests.plausible import RUN, some_steps, steps

NAN = math.nan


def a_run(batch_size: int, *median_seconds: float, kind: str = "") -> Dissected:
    shares = tuple(each / sum(median_seconds) for each in median_seconds)
    label = f"{batch_size} · run"
    return Dissected(batch_size, label, batch_size, (kind,), Anatomy(median_seconds, shares))


def on_lines(batch_size: int, *lines: tuple[float, float]) -> Dissected:
    return a_run(batch_size, *(fixed + batch_size * per_sample for fixed, per_sample in lines))


def test_by_hand() -> None:
    found = anatomy(
        steps(
            (1, 1.0, 2, 1, 1, 2, 99.0, False, 9.0, 9.0, 9.0, 9.0),
            (2, 1.0, 2, 1, 1, 2, 10.0, True, 1.0, 4.0, 2.0, 2.0),
            (3, 1.0, 2, 1, 1, 2, 20.0, True, 1.0, 8.0, 6.0, 3.0),
            (4, 1.0, 2, 1, 1, 2, 10.0, True, 2.0, 4.0, 2.0, 2.0),
            (5, 1.0, 2, 1, 1, 2, 30.0, True, NAN, NAN, NAN, NAN),
        )
    )
    assert found is not None
    assert found.median_seconds == (1.0, 4.0, 2.0, 2.0, 1.0)
    assert found.shares == pytest.approx((4 / 40, 16 / 40, 10 / 40, 7 / 40, 3 / 40))
    assert found.named() == dict(zip(PARTS, found.median_seconds, strict=True))


def test_nothing_where_phases_are_not_told_apart() -> None:
    assert anatomy(steps()) is None
    assert anatomy(steps((1, 1.0, 2, 1, 1, 2, 9.0, True))) is None
    assert dissected(RUN, steps()) is None


def test_a_long_run_is_looked_at_here_and_there() -> None:
    found = anatomy(some_steps(20_000, 2))
    assert found is not None
    assert found.median_seconds == pytest.approx((0.01, 0.05, 0.03, 0.008, 0.002), rel=1e-5)


def test_rounded_phases_leave_no_negative_rest() -> None:
    found = anatomy(steps((1, 1.0, 2, 1, 1, 2, 1.0, True, 0.25, 0.25, 0.25, 0.2500001)))
    assert found is not None
    assert found.median_seconds[-1] == 0.0
    assert sum(found.shares) == pytest.approx(1.0)


def test_runs_of_one_kind_differ_in_batch_size_seed_and_length_only() -> None:
    def kind(**changes: object) -> tuple[object, ...]:
        config = dataclasses.replace(RUN.config, **changes)  # type: ignore[arg-type]
        found = dissected(dataclasses.replace(RUN, config=config), some_steps(5, 2))
        assert found is not None
        return found.kind

    assert kind() == kind(batch_size=2, seed=5, iterations=7)
    others = [{"hidden_size": 64}, {"corpus": "other"}, {"threads": 1}, {"length_pool": 10}]
    assert len({kind(), *(kind(**each) for each in others)}) == 5
    assert dissected(dataclasses.replace(RUN, device="cuda:0"), some_steps(5, 2)).kind != kind()  # type: ignore[union-attr]


def test_a_line_through_two_batch_sizes_by_hand() -> None:
    # 3 ms + 1 ms a sentence, and 2 ms whatever the size.
    found = split([a_run(2, 0.005, 0.002), a_run(32, 0.035, 0.002)])
    assert found is not None
    assert found.fixed_seconds == pytest.approx((0.003, 0.002))
    assert found.per_sample_seconds == pytest.approx((0.001, 0.0), abs=1e-12)
    assert found.batch_sizes == (2, 32)
    assert found.misfit == pytest.approx(0.0, abs=1e-9)


def test_a_part_that_shrinks_is_fixed_and_one_through_zero_has_no_fixed_part() -> None:
    found = split([a_run(1, 0.004, 0.001), a_run(4, 0.002, 0.004), a_run(8, 0.002, 0.0085)])
    assert found is not None
    assert found.per_sample_seconds[0] == 0.0
    assert found.fixed_seconds[1] == pytest.approx(0.0, abs=1e-4)
    assert found.misfit > 0.1


def test_one_batch_size_or_two_kinds_cannot_be_split() -> None:
    assert split([]) is None
    alike = [a_run(2, 0.005), a_run(2, 0.006)]
    assert split(alike) is None
    assert "at least two batch sizes" in why_no_split(alike)
    mixed = [a_run(2, 0.005), a_run(32, 0.035, kind="other")]
    assert split(mixed) is None
    assert "differ in their batch size only" in why_no_split(mixed)


lines = some.tuples(some.floats(1e-5, 1.0), some.floats(1e-7, 1e-2))


@given(some.lists(some.integers(1, 4096), min_size=2, max_size=6, unique=True), lines, lines)
def test_runs_on_lines_give_those_lines(
    sizes: list[int], one: tuple[float, float], other: tuple[float, float]
) -> None:
    found = split([on_lines(size, one, other) for size in sizes])
    assert found is not None
    assert found.misfit < 1e-6
    for size in sizes:
        for index, (fixed, per_sample) in enumerate((one, other)):
            seconds = found.fixed_seconds[index] + size * found.per_sample_seconds[index]
            assert seconds == pytest.approx(fixed + size * per_sample, rel=1e-6)


@given(
    some.lists(
        some.tuples(some.integers(1, 4096), some.floats(0.0, 10.0)),
        min_size=2,
        max_size=8,
        unique_by=lambda pair: pair[0],
    )
)
def test_no_part_takes_less_than_no_time(runs: list[tuple[int, float]]) -> None:
    found = split([a_run(size, seconds, 0.001) for size, seconds in runs])
    assert found is not None
    assert min(*found.fixed_seconds, *found.per_sample_seconds) >= 0
    assert np.isfinite(found.misfit)
    for _, seconds in runs:
        inside = found.fixed_within((seconds, 0.001))
        assert all(part >= 0 for part in inside)
        assert inside[0] <= seconds


def test_in_words() -> None:
    runs = [a_run(2, 0.001, 0.004, 0.002, 0.002, 0.001)]
    assert anatomy_text(runs, None) == (
        "Step anatomy. run 2 · run: data 1 ms (10 %), forward 4 ms (40 %), backward 2 ms (20 %), "
        "optimizer 2 ms (20 %), between 1 ms (10 %)."
    )
    assert anatomy_text([], None) == "Step anatomy. No step was told apart."
    line = Split((0.003, 0.002), (0.001, 0.0), (2, 32), 0.04)
    assert split_text(line) == (
        "A step takes 5 ms whatever the batch size and 1 ms more for each sentence (as much again "
        "at batch size 5); that line misses these runs by 4 % at most."
    )
    assert split_text(line) in anatomy_text(runs, line)
    assert "as much again" not in split_text(Split((0.003,), (0.0,), (2, 32), 0.0))
