"""The parts of a step, and the fit that separates fixed time from time per sample."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.run.anatomy import Anatomy, fit_anatomy, fit_run_anatomies, measure_anatomy
from tests.plausible import RUN, some_steps, steps

NAN = math.nan


def a_run(batch_size: int, *median_seconds: float, kind: str = "") -> Anatomy:
    shares = tuple(each / sum(median_seconds) for each in median_seconds)
    name = f"{batch_size} · run"
    return Anatomy(batch_size, name, batch_size, (kind,), median_seconds, shares)


def test_medians_and_shares_of_timed_steps_with_phases() -> None:
    found = measure_anatomy(
        RUN,
        steps(
            (1, 1.0, 2, 1, 1, 2, 99.0, False, 9.0, 9.0, 9.0, 9.0),
            (2, 1.0, 2, 1, 1, 2, 10.0, True, 1.0, 4.0, 2.0, 2.0),
            (3, 1.0, 2, 1, 1, 2, 20.0, True, 1.0, 8.0, 6.0, 3.0),
            (4, 1.0, 2, 1, 1, 2, 10.0, True, 2.0, 4.0, 2.0, 2.0),
            (5, 1.0, 2, 1, 1, 2, 30.0, True, NAN, NAN, NAN, NAN),
        ),
    )
    assert found.median_seconds == (1.0, 4.0, 2.0, 2.0, 1.0)
    assert found.shares == pytest.approx((4 / 40, 16 / 40, 10 / 40, 7 / 40, 3 / 40))
    # Rounded phases leave no negative rest.
    rounded = steps((1, 1.0, 2, 1, 1, 2, 1.0, True, 0.25, 0.25, 0.25, 0.2500001))
    assert measure_anatomy(RUN, rounded).median_seconds[-1] == 0.0
    assert sum(measure_anatomy(RUN, rounded).shares) == pytest.approx(1.0)
    assert measure_anatomy(RUN, steps()) is None
    assert measure_anatomy(RUN, steps((1, 1.0, 2, 1, 1, 2, 9.0, True))) is None


def test_a_sampled_long_run_has_the_same_medians() -> None:
    found = measure_anatomy(RUN, some_steps(20_000, 2))
    assert found.median_seconds == pytest.approx((0.01, 0.05, 0.03, 0.008, 0.002), rel=1e-5)


def test_runs_of_one_kind_differ_in_batch_size_seed_and_length_only() -> None:
    def kind(device: str = "cpu", **changes: object) -> tuple[object, ...]:
        config = dataclasses.replace(RUN.config, **changes)
        run = dataclasses.replace(RUN, config=config, device=device)
        return measure_anatomy(run, some_steps(5, 2)).timing_key

    assert kind() == kind(batch_size=2, seed=5, iterations=7)
    others = [{"hidden_size": 64}, {"corpus": "other"}, {"threads": 1}, {"length_pool": 10}]
    assert len({kind(), kind("cuda:0"), *(kind(**each) for each in others)}) == 6


def test_a_fit_through_two_batch_sizes() -> None:
    # 3 ms + 1 ms per sentence, and 2 ms at any size.
    found = fit_run_anatomies([a_run(2, 0.005, 0.002), a_run(32, 0.035, 0.002)])
    assert found.fixed_seconds == pytest.approx((0.003, 0.002))
    assert found.per_sample_seconds == pytest.approx((0.001, 0.0), abs=1e-12)
    assert found.max_relative_error == pytest.approx(0.0, abs=1e-9)
    # A part that shrinks is fixed; one that is proportional to the size has no fixed part.
    found = fit_anatomy([1, 4, 8], [(0.004, 0.001), (0.002, 0.004), (0.002, 0.0085)])
    assert found.per_sample_seconds[0] == 0.0
    assert found.fixed_seconds[1] == pytest.approx(0.0, abs=1e-4)
    assert found.max_relative_error > 0.1


def test_one_batch_size_or_two_kinds_have_no_fit() -> None:
    assert fit_run_anatomies([]) is None
    assert fit_run_anatomies([a_run(2, 0.005), a_run(2, 0.006)]) is None
    assert fit_run_anatomies([a_run(2, 0.005), a_run(32, 0.035, kind="other")]) is None


LINE = some.tuples(some.floats(1e-5, 1.0), some.floats(1e-7, 1e-2))


@given(
    some.lists(some.integers(1, 4096), min_size=2, max_size=6, unique=True),
    some.lists(LINE, min_size=2, max_size=2),
)
def test_exact_lines_are_recovered(sizes: list[int], lines: list[tuple[float, float]]) -> None:
    parts = [[fixed + size * each for fixed, each in lines] for size in sizes]
    found = fit_anatomy(sizes, parts)
    assert found.max_relative_error < 1e-6
    fitted = np.array(found.fixed_seconds) + np.outer(sizes, found.per_sample_seconds)
    assert fitted == pytest.approx(np.array(parts), rel=1e-6)
