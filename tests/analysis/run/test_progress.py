"""How far a run is, by iterations and by time."""

from s2s.analysis.run.progress import Progress, progress, progress_text, tab_title
from s2s.analysis.run.steps import Steps
from s2s.config import TrainConfig
from tests import plausible


def steps(*seconds: float, timed: bool = True) -> Steps:
    return plausible.steps(
        *((i, 1.0, 1, 1, 1, 2, each, timed) for i, each in enumerate(seconds, 1))
    )


def test_by_iterations() -> None:
    now = progress(TrainConfig(iterations=10), steps(1.0, 2.0, 6.0))
    assert now == Progress(3, 0.3, 14.0)  # seven more at the median of 2 s


def test_by_time() -> None:
    config = TrainConfig(iterations=1_000_000, max_seconds=60.0)
    assert progress(config, steps(5.0, 10.0)) == Progress(2, 0.25, 45.0)


def test_the_nearer_limit_counts() -> None:
    config = TrainConfig(iterations=4, max_seconds=60.0)
    assert progress(config, steps(1.0, 1.0, 1.0)) == Progress(3, 0.75, 1.0)


def test_nothing_is_left_after_the_end() -> None:
    config = TrainConfig(iterations=1_000_000, max_seconds=3.0)
    assert progress(config, steps(2.0, 2.0)) == Progress(2, 1.0, 0.0)


def test_time_left_is_not_known_before_a_timed_step() -> None:
    assert progress(TrainConfig(iterations=4), steps(9.0, timed=False)).seconds_left is None
    assert progress(TrainConfig(iterations=4), steps()) == Progress(0, 0.0, None)


def test_in_words() -> None:
    now = Progress(430, 0.43, 41.0)
    config = TrainConfig(iterations=1000)
    assert progress_text(config, now) == "430 of 1,000 iterations · about 41 s left"
    by_time = TrainConfig(iterations=1_000_000, max_seconds=60.0)
    assert progress_text(by_time, now) == "430 iterations · about 41 s left"
    assert progress_text(config, Progress(0, 0.0, None)) == "0 of 1,000 iterations"
    assert tab_title(12, now) == "43 % · 41 s · run 12"
    assert tab_title(12, Progress(0, 0.0, None)) == "0 % · run 12"
