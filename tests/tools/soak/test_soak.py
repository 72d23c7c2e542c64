"""Short forms of the soak tests; `make soak` runs them in full."""

import pytest

from tools.soak import crash, day, load


@pytest.mark.parametrize(
    "activity",
    [
        "deleting",
        *(
            pytest.param(name, marks=pytest.mark.long)
            for name in ("training", "checkpointing", "corpus preparation", "sweeping")
        ),
    ],
)
def test_records_survive_a_kill(activity: str) -> None:
    row = crash.measure(activity, times=1)
    assert row.is_good(), row.problems


@pytest.mark.long
def test_sixty_runs_leave_no_thread_and_no_file_open() -> None:
    (row,) = day.rows(full=False)
    assert row.is_good(), row.problems


@pytest.mark.long
def test_five_sessions_get_their_ticks_and_leak_nothing() -> None:
    for row in load.rows(full=False):
        assert row.is_good(), row.problems


def reading(runs: int, **changes: int) -> dict[str, int]:
    figures = {"memory_bytes": 500, "threads": 2, "handles": 9, "log_bytes": 100}
    figures |= {"store_bytes": 12 * runs, "record_bytes": 10 * runs}
    return {"runs": runs, "finished": runs, **figures, **changes}


@pytest.mark.parametrize(
    ("last", "named"),
    [
        ({}, None),
        ({"finished": 399}, "399"),
        ({"threads": 3}, "threads"),
        ({"handles": 10}, "handles"),
        ({"memory_bytes": 526}, "5.2%"),
        ({"log_bytes": 3300}, "8,100"),
    ],
)
def test_each_leak_is_found(last: dict[str, int], named: str | None) -> None:
    readings = [reading(runs) for runs in range(10, 380, 10)]
    readings += [reading(runs, **last) for runs in (380, 390, 400)]
    problems = day.find_problems(readings, 400, full=True)
    assert len(problems) == (1 if named else 0)
    assert named is None or named in problems[0]
