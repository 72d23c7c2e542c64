"""Progress by iterations and by time."""

import pytest

from s2s.analysis.run.progress import Progress, measure_progress
from s2s.config import MAX_ITERATIONS, TrainConfig
from tests.plausible import RUN, steps


@pytest.mark.parametrize(
    ("iterations", "max_seconds", "seconds", "expected"),
    [
        (10, 0.0, [1.0, 2.0, 6.0], Progress(3, 0.3, 14.0)),  # 7 more at the median of 2 s
        (MAX_ITERATIONS, 60.0, [5.0, 10.0], Progress(2, 0.25, 45.0)),
        (4, 60.0, [1.0, 1.0, 1.0], Progress(3, 0.75, 1.0)),  # iterations end the run sooner
        (MAX_ITERATIONS, 3.0, [2.0, 2.0], Progress(2, 1.0, 0.0)),
        (4, 0.0, [], Progress(0, 0.0, None)),
    ],
)
def test_progress(
    iterations: int, max_seconds: float, seconds: list[float], expected: Progress
) -> None:
    config = TrainConfig(iterations=iterations, max_seconds=max_seconds)
    timed = steps(*((i, 1.0, 1, 1, 1, 2, each, True) for i, each in enumerate(seconds, 1)))
    assert measure_progress(config, timed) == expected


def test_time_left_is_unknown_before_a_timed_step() -> None:
    untimed = steps((1, 1.0, 1, 1, 1, 2, 9.0, False))
    assert measure_progress(RUN.config, untimed).seconds_left is None
